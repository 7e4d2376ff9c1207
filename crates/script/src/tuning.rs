//! Nodes set apart from the others: `timeouts 2 300ms..600ms`, `heartbeat 2 20ms`, `prevote off 2`,
//! `clock 2 50%`.

use crate::figures::{clock_factor, some_duration};
use crate::mistake::Mistake;
use crate::names::next_node;
use crate::phrase::Phrase;
use raftdeck_model::{Disturbance, Order};
use raftdeck_raft::NodeId;

/// `2 300ms..600ms`.
pub(crate) fn timeouts(phrase: &mut Phrase<'_>) -> Result<Disturbance, Mistake> {
    let node = next_node(phrase)?;
    let given = phrase.need("a range of times, such as 300ms..600ms")?;
    let no = || Mistake::new(format!("\"{given}\" is not a range of times: write 300ms..600ms"));
    let (least, most) = given.split_once("..").ok_or_else(no)?;
    let (least, most) = (some_duration(least, phrase.world)?, some_duration(most, phrase.world)?);
    if least < most {
        return Ok(Disturbance::Timeouts(node, least, most));
    }
    Err(Mistake::new(if least == most {
        format!(
            "\"{given}\": equal timeouts split votes forever; the second must be longer (align makes all equal)"
        )
    } else {
        format!("\"{given}\" begins with the longer time: write the shorter one first")
    }))
}

/// `2 20ms`.
pub(crate) fn heartbeat(phrase: &mut Phrase<'_>) -> Result<Disturbance, Mistake> {
    let node = next_node(phrase)?;
    Ok(Disturbance::Heartbeat(node, some_duration(phrase.need("a time, such as 20ms")?, phrase.world)?))
}

/// `off 2`, `on`.
pub(crate) fn switch(
    phrase: &mut Phrase<'_>,
    what: fn(Option<NodeId>, bool) -> Disturbance,
) -> Result<Disturbance, Mistake> {
    let name = phrase.word.name;
    let on = match phrase.need("on or off")? {
        "on" => true,
        "off" => false,
        other => return Err(Mistake::new(format!("\"{other}\" is neither on nor off: {name} off"))),
    };
    let node = if phrase.peek().is_some() { Some(next_node(phrase)?) } else { None };
    Ok(what(node, on))
}

/// `2 50%`, `2 skew 1s`.
pub(crate) fn clock(phrase: &mut Phrase<'_>) -> Result<Order, Mistake> {
    let node = next_node(phrase)?;
    Ok(match phrase.need("how fast it is, such as 50%, or skew and a time")? {
        "skew" => {
            Order::SkewClock(node, some_duration(phrase.need("a time, such as skew 1s")?, phrase.world)?)
        }
        given => Order::Disturb(Disturbance::Clock(node, clock_factor(given)?)),
    })
}

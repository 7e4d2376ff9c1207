//! The deck's table of nodes, read off the screen as a person reads it.

/// A row of the table, at a width of at least 80 columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// 1 for n1.
    pub(crate) node: usize,
    /// `leader`, `follower`, `pre-candidate`, …, or what happened to its process.
    pub(crate) role: String,
    pub(crate) term: u64,
    /// `n2`, or whatever stands there if it has not voted.
    pub(crate) vote: String,
    pub(crate) last: u64,
    pub(crate) commit: u64,
    /// All of it.
    pub(crate) text: String,
}

/// The table, or nothing if a part of it cannot be read yet.
pub(crate) fn rows(screen: &vt100::Screen) -> Vec<Row> {
    let contents = screen.contents();
    let below_head = contents.lines().skip_while(|line| !line.trim_start().starts_with("node role")).skip(1);
    below_head.map_while(row).collect()
}

fn row(line: &str) -> Option<Row> {
    let text = line.replace('▶', " ");
    let mut words = text.split_whitespace();
    let node = words.next()?.strip_prefix('n')?.parse().ok()?;
    let _glyph = words.next()?;
    let role = words.next()?.to_owned();
    let term = words.next()?.parse().ok()?;
    let vote = words.next()?.to_owned();
    let (last, commit) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Row { node, role, term, vote, last, commit, text: line.to_owned() })
}

/// The one leader, if exactly one row says so.
pub(crate) fn leader(rows: &[Row]) -> Option<Row> {
    let mut leaders = rows.iter().filter(|row| row.role == "leader");
    leaders.next().filter(|_| leaders.next().is_none()).cloned()
}

/// Whether there are this many nodes, one of them leads, all others follow in its term, and all have the same
/// entries committed and no others.
pub(crate) fn is_healthy(screen: &vt100::Screen, count: usize) -> bool {
    let rows = rows(screen);
    let Some(leader) = leader(&rows) else { return false };
    rows.len() == count
        && rows.iter().filter(|row| row.role == "follower").count() == count - 1
        && rows.iter().all(|row| (row.term, row.last, row.commit) == (leader.term, leader.last, leader.last))
        && leader.commit > 0
}

//! The one table of words. The help, the completion, the nearest word and `docs/grammar.md` are made from it, and a test checks that
//! the parser accepts its examples.

use crate::group::Group;
use crate::mistake::Mistake;
use crate::near::hint;
use crate::verb::{
    ClusterVerb, LinkVerb, NodeVerb, RuleVerb, ScriptVerb, ShapeVerb, StoreVerb, TimeVerb, Verb,
};

/// One word and its description.
#[derive(Debug, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub name: &'static str,
    /// Its group.
    pub group: Group,
    /// The form of a line with it; `[…]` may be left out.
    pub usage: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Lines with it.
    pub examples: &'static [&'static str],
    /// What it means.
    pub(crate) verb: Verb,
    /// What follows it, piece by piece.
    pub(crate) slots: &'static [Slot],
}

impl Word {
    /// The effect on messages, if it is a rule.
    pub(crate) fn rule(&self) -> Option<RuleVerb> {
        match self.verb {
            Verb::Link(LinkVerb::Rule(rule)) => Some(rule),
            _ => None,
        }
    }
}

/// The kinds of pieces, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A node.
    Node,
    /// Nodes separated by commas.
    Nodes,
    /// Links.
    Links,
    /// One of these.
    Of(&'static [&'static str]),
    /// A figure or a text; these are usual values.
    Free(&'static [&'static str]),
    /// Filters, to the end.
    Filters,
    /// `and` and another rule.
    More,
    /// A condition, to the end.
    Condition,
    /// The name of something in force.
    Fault,
    /// A message on the links, or links and filters to the end.
    Message,
    /// Another word.
    Word,
    /// A whole line.
    Line,
    /// What follows `client`, perhaps after a client's name.
    Client,
    /// How new a read is and which node is asked, to the end.
    Whom,
}

/// Whether a piece begins a filter.
pub(crate) fn is_filter(piece: &str) -> bool {
    FILTERS.iter().any(|filter| filter.eq_ignore_ascii_case(piece)) || matches!(piece, "then" | "and")
}

/// The words that begin filters.
pub(crate) const FILTERS: [&str; 4] = ["only", "term", "index", "next"];

/// The words that begin rules.
pub(crate) const RULES: [&str; 8] =
    ["cut", "refuse", "delay", "lose", "duplicate", "reorder", "limit", "hold"];

const fn entry(
    name: &'static str,
    verb: Verb,
    usage: &'static str,
    about: &'static str,
    examples: &'static [&'static str],
    slots: &'static [Slot],
) -> Word {
    Word { name, group: verb.group(), verb, usage, about, examples, slots }
}

const ON_OFF: Slot = Slot::Of(&["on", "off"]);
const PERCENT: Slot = Slot::Free(&["1%", "5%", "10%", "50%"]);
const DELAYS: Slot = Slot::Free(&["50ms", "50ms±10ms", "10ms..90ms"]);

/// Every word, by group.
#[rustfmt::skip] // A table: one word a paragraph.
pub const WORDS: &[Word] = &[
    entry("kill", Verb::Node(NodeVerb::Kill), "kill NODES", "kill nodes' processes (SIGKILL)",
        &["kill 2", "kill leader", "kill 1,2", "kill all"], &[Slot::Nodes]),
    entry("stop", Verb::Node(NodeVerb::Stop), "stop NODES", "stop nodes in an orderly way (SIGTERM)",
        &["stop 2"], &[Slot::Nodes]),
    entry("restart", Verb::Node(NodeVerb::Restart), "restart NODES|down", "restart nodes with their data; running ones are killed first",
        &["restart 2", "restart down", "restart all"], &[Slot::Nodes]),
    entry("wipe", Verb::Node(NodeVerb::Wipe), "wipe NODES", "restart a node with an empty disk: it does not vote until it is replaced (replace N)",
        &["wipe 3"], &[Slot::Nodes]),
    entry("wipe-unsafe", Verb::Node(NodeVerb::WipeUnsafe), "wipe-unsafe NODES",
        "the same without the safeguard, for teaching: the empty disk keeps its identity, so the node votes again although it has lost its votes and its log; acknowledged writes can be lost",
        &["wipe-unsafe 3"], &[Slot::Nodes]),
    entry("pause", Verb::Node(NodeVerb::Pause), "pause NODES", "stop nodes' processes (SIGSTOP)",
        &["pause leader", "pause 1..3"], &[Slot::Nodes]),
    entry("resume", Verb::Node(NodeVerb::Resume), "resume NODES", "resume paused nodes (SIGCONT)",
        &["resume 1"], &[Slot::Nodes]),
    entry("slow", Verb::Node(NodeVerb::Slow), "slow NODES PERCENT", "pause a node repeatedly, for this share of the time; 0% ends it",
        &["slow 2 50%", "slow 2 0%"], &[Slot::Nodes, PERCENT]),
    entry("full", Verb::Node(NodeVerb::Full), "full NODES [SIZE]", "let a node write only this many more bytes to each of its files (Linux); 0B by default",
        &["full 2", "full 2 64KB"], &[Slot::Nodes, Slot::Free(&["64KB"])]),
    entry("disk", Verb::Node(NodeVerb::Disk), "disk NODES delay TIME | disk NODES stall | disk NODES heal", "delay every sync of a node's disk (by 10s at most), let no sync finish, or heal the disk",
        &["disk 1 delay 50ms", "disk leader stall", "disk 1 heal"], &[Slot::Nodes, Slot::Of(&["delay", "stall", "heal"]), Slot::Free(&["50ms"])]),
    entry("lose-tail", Verb::Node(NodeVerb::LoseTail), "lose-tail NODES [SIZE]", "cut this much off the end of a stopped node's log, as if it had never been synced; 512B by default",
        &["lose-tail 2", "lose-tail 2 100B"], &[Slot::Nodes, Slot::Free(&["512B"])]),

    entry("add", Verb::Cluster(ClusterVerb::Add), "add [learner]", "start one more node and make it a voter; add learner: it joins and stays a learner, which receives the log and does not vote",
        &["add", "add learner"], &[Slot::Free(&["learner"])]),
    entry("promote", Verb::Cluster(ClusterVerb::Promote), "promote N", "make a learner a voter, when it has caught up",
        &["promote 4"], &[Slot::Node]),
    entry("remove", Verb::Cluster(ClusterVerb::Remove), "remove N", "remove a node from the cluster permanently",
        &["remove 3"], &[Slot::Node]),
    entry("replace", Verb::Cluster(ClusterVerb::Replace), "replace N", "remove a node that came back with an empty disk and add it again: as a learner first, then as a voter",
        &["replace 3"], &[Slot::Node]),
    entry("transfer", Verb::Cluster(ClusterVerb::Transfer), "transfer N", "transfer the leadership to a node",
        &["transfer 2"], &[Slot::Node]),
    entry("elect", Verb::Cluster(ClusterVerb::Elect), "elect N [prevote]", "make a node campaign now, even if another one leads; elect N prevote: fire its election timer, so that it asks for pre-votes first, which nodes that hear a leader refuse",
        &["elect 2", "elect 2 prevote"], &[Slot::Node, Slot::Free(&["prevote"])]),
    entry("propose", Verb::Cluster(ClusterVerb::Propose), "propose N KEY VALUE", "send a write to this node, once and outside any session: one entry if it leads",
        &["propose leader color blue"], &[Slot::Node, Slot::Free(&[]), Slot::Free(&[])]),
    entry("align", Verb::Cluster(ClusterVerb::Align), "align", "make all election timeouts equal: votes are often split",
        &["align"], &[]),
    entry("spread", Verb::Cluster(ClusterVerb::Spread), "spread", "spread election timeouts far apart: votes are not split",
        &["spread"], &[]),
    entry("random", Verb::Cluster(ClusterVerb::Random), "random", "make election timeouts random again",
        &["random"], &[]),
    entry("timeouts", Verb::Cluster(ClusterVerb::Timeouts), "timeouts N MIN..MAX",
        "give a node its own election timeouts, random within this range; align, spread and random end that, and may be followed by it again",
        &["timeouts 2 300ms..600ms"], &[Slot::Node, Slot::Free(&["150ms..300ms", "1s..2s"])]),
    entry("heartbeat", Verb::Cluster(ClusterVerb::Heartbeat), "heartbeat N TIME",
        "set the heartbeat interval of a node, used while it leads; it must be shorter than the node's own election timeouts",
        &["heartbeat leader 20ms"], &[Slot::Node, Slot::Free(&["20ms", "100ms"])]),
    entry("prevote", Verb::Cluster(ClusterVerb::PreVote), "prevote on|off [N]",
        "switch PreVote on one node, or on all: without it a node that was cut off comes back with a higher term, and a healthy leader steps down (thesis §9.6)",
        &["prevote off", "prevote off 2", "prevote on"], &[ON_OFF, Slot::Node]),
    entry("check-quorum", Verb::Cluster(ClusterVerb::CheckQuorum), "check-quorum on|off [N]",
        "switch CheckQuorum on one node, or on all: without it a leader that reaches no majority stays leader in its term and its clients wait in vain (thesis §6.2), and followers vote against a live leader (§4.2.3); from then on no read is served by a lease (§6.4)",
        &["check-quorum off", "check-quorum off leader", "check-quorum on"], &[ON_OFF, Slot::Node]),
    entry("clock", Verb::Cluster(ClusterVerb::Clock), "clock N RATE | clock N skew TIME",
        "let a node's clock run slow or fast against cluster time, from 1% to 1000%, or jump ahead once. Raft measures only durations: a short jump fires timers early; after a longer one a follower assumes that it was paused, and a leader has missed its majority's answers. No read is served by a lease after that",
        &["clock 2 50%", "clock 2 1.5", "clock 2 100%", "clock leader skew 1s"], &[Slot::Node, Slot::Free(&["50%", "200%", "100%", "skew"]), Slot::Free(&["100ms", "1s"])]),
    entry("workload", Verb::Cluster(ClusterVerb::Workload), "workload on|off", "a steady load of small writes",
        &["workload on", "workload off"], &[ON_OFF]),
    entry("client", Verb::Cluster(ClusterVerb::Client), "client [NAME] at NODES | anywhere | cut NODES | hold NODES | lose-answers NODES",
        "let a client, the deck's own if none is named, reach only these nodes; or cut it off from them, hold its requests to them until this is undone, or lose their answers",
        &["client at 1,2", "client anywhere", "client cut 2", "client alice at 1,2", "client alice anywhere", "client alice cut 2", "client alice hold 1,2", "client alice lose-answers leader"],
        &[Slot::Client, Slot::Nodes]),
    entry("seed", Verb::Cluster(ClusterVerb::Seed), "seed NUMBER", "seed the random choices on the links from now on",
        &["seed 7"], &[Slot::Free(&[])]),

    entry("cut", Verb::Link(LinkVerb::Rule(RuleVerb::Cut)), "cut LINKS [FILTERS]", "lose all messages there, or those that match",
        &["cut 1>3", "cut 1,2|3", "cut 2> only AppendReply"], &[Slot::Links, Slot::Filters]),
    entry("refuse", Verb::Link(LinkVerb::Rule(RuleVerb::Refuse)), "refuse LINKS", "break the connections there, and refuse new ones: all messages are lost, and both nodes notice at once",
        &["refuse 1>3", "refuse 1,2|3", "refuse leader"], &[Slot::Links, Slot::More]),
    entry("delay", Verb::Link(LinkVerb::Rule(RuleVerb::Delay)), "delay LINKS TIME [FILTERS]", "delay messages: by a fixed time, TIME±TIME around a mean, or TIME..TIME uniformly",
        &["delay * 50ms", "delay 1-3 50ms±10ms", "delay 2 10ms..90ms only VoteReply"], &[Slot::Links, DELAYS, Slot::Filters]),
    entry("lose", Verb::Link(LinkVerb::Rule(RuleVerb::Lose)), "lose LINKS PERCENT [FILTERS]", "lose messages at random",
        &["lose * 10%"], &[Slot::Links, PERCENT, Slot::Filters]),
    entry("duplicate", Verb::Link(LinkVerb::Rule(RuleVerb::Duplicate)), "duplicate LINKS PERCENT [FILTERS]", "deliver messages twice at random",
        &["duplicate 1-2 5%"], &[Slot::Links, PERCENT, Slot::Filters]),
    entry("reorder", Verb::Link(LinkVerb::Rule(RuleVerb::Reorder)), "reorder LINKS PERCENT [TIME] [FILTERS]", "reorder messages at random; they take up to TIME longer, 20ms by default",
        &["reorder * 10%", "reorder 1>2 5% 50ms"], &[Slot::Links, PERCENT, DELAYS, Slot::Filters]),
    entry("limit", Verb::Link(LinkVerb::Rule(RuleVerb::Limit)), "limit LINKS SIZE/s [FILTERS]", "limit the bytes per second on each link",
        &["limit 3 100KB/s"], &[Slot::Links, Slot::Free(&["100KB/s", "1MB/s"]), Slot::Filters]),
    entry("hold", Verb::Link(LinkVerb::Rule(RuleVerb::Hold)), "hold LINKS [FILTERS]", "keep messages on their link until they are released, dropped, or this is undone",
        &["hold *", "hold >2 only RequestVote term 5", "hold 1>2 only AppendEntries next 3"], &[Slot::Links, Slot::Filters]),
    entry("when", Verb::Link(LinkVerb::When), "when LINKS [FILTERS] then RULE [and RULE]", "wait for a message; when it is sent the rules come into force, and they apply to it too",
        &["when 2> only RequestVote term 5 then cut 2>3", "when * only TimeoutNow then hold * and cut 1>2"], &[Slot::Links, Slot::Filters]),
    entry("release", Verb::Link(LinkVerb::Release), "release all|#ID|LINKS [FILTERS]", "release held messages, or deliver those under way immediately",
        &["release all", "release #12", "release 2>1 only VoteReply", "release 1>2 next 1"], &[Slot::Message]),
    entry("drop", Verb::Link(LinkVerb::Drop), "drop all|#ID|LINKS [FILTERS]", "lose messages that are held or under way",
        &["drop #12", "drop >3"], &[Slot::Message]),
    entry("undo", Verb::Link(LinkVerb::Undo), "undo [#ID|all]", "undo the newest fault, the given one, or all",
        &["undo", "undo #3", "undo all"], &[Slot::Fault]),
    entry("heal", Verb::Link(LinkVerb::Heal), "heal", "undo everything; the rate of time stays as it is",
        &["heal"], &[]),

    entry("isolate", Verb::Shape(ShapeVerb::Isolate), "isolate N", "cut a node off",
        &["isolate leader"], &[Slot::Node]),
    entry("halves", Verb::Shape(ShapeVerb::Halves), "halves [NODES|NODES]", "two sides that cannot reach each other; by default the leader is in the smaller one",
        &["halves", "halves 1,2|3,4,5"], &[Slot::Free(&[])]),
    entry("one-way", Verb::Shape(ShapeVerb::OneWay), "one-way N>N", "messages pass in this direction only",
        &["one-way 1>2"], &[Slot::Free(&["1>2"])]),
    entry("bridge", Verb::Shape(ShapeVerb::Bridge), "bridge N", "two halves that only this node reaches both of",
        &["bridge 3"], &[Slot::Node]),
    entry("ring", Verb::Shape(ShapeVerb::Ring), "ring", "every node reaches a majority, each a different one",
        &["ring"], &[]),
    entry("mute", Verb::Shape(ShapeVerb::Mute), "mute N", "it can hear but not send",
        &["mute leader"], &[Slot::Node]),
    entry("deaf", Verb::Shape(ShapeVerb::Deaf), "deaf N", "it can send but not hear",
        &["deaf 2"], &[Slot::Node]),
    entry("flaky", Verb::Shape(ShapeVerb::Flaky), "flaky [LINKS]", "some messages are lost, some arrive out of order",
        &["flaky *", "flaky 1-2"], &[Slot::Links]),
    entry("slow-link", Verb::Shape(ShapeVerb::SlowLink), "slow-link [LINKS]", "every message takes long",
        &["slow-link 3"], &[Slot::Links]),
    entry("wan", Verb::Shape(ShapeVerb::Wan), "wan [REGIONS | N=REGION,…]", "delays as between regions of the world",
        &["wan eu,us,ap", "wan 1=eu,2=us,3=ap"], &[Slot::Free(&["eu,us,ap"])]),

    entry("rate", Verb::Time(TimeVerb::Rate), "rate RATE", "how fast cluster time runs: 1 is real time, 0 is frozen",
        &["rate 1/100", "rate 0.01", "rate 1"], &[Slot::Free(&["1", "1/10", "1/100", "1/1000", "0"])]),
    entry("freeze", Verb::Time(TimeVerb::Freeze), "freeze", "freeze cluster time",
        &["freeze"], &[]),
    entry("run", Verb::Time(TimeVerb::Run), "run", "resume cluster time at its previous rate",
        &["run"], &[]),
    entry("step", Verb::Time(TimeVerb::Step), "step [message|timer|role|commit|TIME] [within TIME]", "run to the next delivered message, timer, role change or commit, or for this time, then freeze; after 10 s, or TIME, the script fails",
        &["step", "step timer", "step role", "step commit", "step role within 1m", "step 10ms"], &[Slot::Free(&["message", "timer", "role", "commit", "10ms"])]),
    entry("sleep", Verb::Time(TimeVerb::Sleep), "sleep TIME [within TIME]", "wait for this much cluster time, at its present rate; 10 s after it should have passed, or after TIME, the script fails",
        &["sleep 500ms", "sleep 2s within 1m"], &[Slot::Free(&["500ms", "2s"])]),
    entry("seek", Verb::Time(TimeVerb::Seek), "seek TIME", "jump forward to this cluster time; only in a recording",
        &["seek 90s", "seek 2m"], &[Slot::Free(&["30s", "1m"])]),
    entry("slower", Verb::Time(TimeVerb::Slower), "slower", "the next slower rate",
        &["slower"], &[]),
    entry("faster", Verb::Time(TimeVerb::Faster), "faster", "the next faster rate",
        &["faster"], &[]),

    entry("put", Verb::Store(StoreVerb::Put), "put KEY VALUE", "store a value",
        &["put color blue", "put color \"dark blue\""], &[Slot::Free(&[]), Slot::Free(&[])]),
    entry("get", Verb::Store(StoreVerb::Get), "get KEY [linearizable|lease|stale] [at N]", "read a value; at N: ask this node only, once, whether it leads or not",
        &["get color", "get color stale at 3", "get color lease"], &[Slot::Free(&[]), Slot::Whom]),
    entry("delete", Verb::Store(StoreVerb::Delete), "delete KEY", "remove a key",
        &["delete color"], &[Slot::Free(&[])]),
    entry("cas", Verb::Store(StoreVerb::Cas), "cas KEY OLD NEW", "store a value if the present one equals OLD",
        &["cas color blue red"], &[Slot::Free(&[]), Slot::Free(&[]), Slot::Free(&[])]),
    entry("create", Verb::Store(StoreVerb::Create), "create KEY VALUE", "store a value if the key does not exist",
        &["create color blue"], &[Slot::Free(&[]), Slot::Free(&[])]),
    entry("list", Verb::Store(StoreVerb::List), "list [PREFIX] [linearizable|lease|stale] [at N]", "list the keys that start with this, and their values",
        &["list", "list co", "list co stale at 2"], &[Slot::Free(&[]), Slot::Whom]),

    entry("wait", Verb::Script(ScriptVerb::Wait), "wait CONDITION [within TIME]", "wait until the condition holds; after 10 s, or TIME, the script fails",
        &["wait leader", "wait leader 2 within 5s", "wait leader none", "wait role 2 candidate", "wait term 2 5", "wait log 3 4..",
          "wait terms 3 1,1,2", "wait commit 1 3", "wait applied 1 3", "wait snapshot 1 100..", "wait vote 1 2", "wait votes 2 2..",
          "wait voter 3", "wait learner 4", "wait member 4", "wait voters 1,2,3", "wait learners none", "wait members 1..4", "wait wiped 3", "wait up 2", "wait down 2",
          "wait held 2", "wait held 1.. >2 only RequestVote", "wait under-way 1.. 1>2", "wait idle", "wait in-force 0", "wait gap ..500ms",
          "wait longest-gap 1s..", "wait answered", "wait not leader 2", "wait any of role 1 candidate or role 2 candidate",
          "wait all of leader and commit 1 3.. within 5s"], &[Slot::Condition]),
    entry("expect", Verb::Script(ScriptVerb::Expect), "expect CONDITION | expect get KEY VALUE|none [stale …] [at N] | expect stored|refused|in-doubt [within TIME]",
        "the condition holds now, or the script fails; get reads a key and compares; stored, refused and in-doubt wait, 10 s by default, for the outcome of the client's last request",
        &["expect leader 2", "expect terms 3 1,1,2", "expect get color blue", "expect get color none stale at 3", "expect stored", "expect refused", "expect in-doubt within 20s"],
        &[Slot::Condition]),
    entry("as", Verb::Script(ScriptVerb::As), "as NAME LINE", "send a store request, or expect an answer, as the client of this name: each has its own session and queue",
        &["as alice put color blue", "as alice expect stored", "as alice expect get color blue stale at 2"], &[Slot::Free(&[]), Slot::Line]),
    entry("stays", Verb::Script(ScriptVerb::Stays), "stays CONDITION for TIME [within TIME]", "the condition holds now and at every check until this much cluster time has passed, or the script fails",
        &["stays leader 2 for 2s", "stays not leader 3 for 500ms"], &[Slot::Condition]),
    entry("let", Verb::Script(ScriptVerb::Let), "let NAME = VALUE", "name a value: from now on $NAME stands for it. A value is a node (leader, follower: the present one), a figure of a node (term, log, commit, applied, snapshot), a number or a text",
        &["let old = leader", "let t = term leader", "let side = 1,2"], &[Slot::Free(&["old"]), Slot::Of(&["="]), Slot::Free(&["leader", "follower", "term", "log", "commit", "applied", "snapshot"]), Slot::Node]),
    entry("repeat", Verb::Script(ScriptVerb::Repeat), "repeat COUNT [as NAME]", "run the lines up to the matching end this many times; $NAME counts from 1",
        &["repeat 3", "repeat 10 as i"], &[Slot::Free(&["3"]), Slot::Of(&["as"]), Slot::Free(&["i"])]),
    entry("end", Verb::Script(ScriptVerb::End), "end", "the end of a repeat",
        &["end"], &[]),
    entry("try", Verb::Script(ScriptVerb::Try), "try LINE", "run the line; if it is refused, the script does not fail",
        &["try kill 2", "try put color blue"], &[Slot::Line]),
    entry("begin", Verb::Script(ScriptVerb::Begin), "begin LINE", "begin a change of the cluster (add, promote, remove, replace, transfer) and go on without waiting until it is complete; a refusal does not fail the script",
        &["begin promote 4", "begin transfer 2"], &[Slot::Line]),
    entry("say", Verb::Script(ScriptVerb::Say), "say TEXT", "show a text, as a caption for what comes next",
        &["say n1 is cut off: who leads now?"], &[Slot::Free(&[])]),
    entry("logs", Verb::Script(ScriptVerb::Logs), "logs", "show the nodes' logs side by side",
        &["logs"], &[]),
    entry("rules", Verb::Script(ScriptVerb::Rules), "rules", "show what is in force, as commands that can be run again",
        &["rules"], &[]),
    entry("status", Verb::Script(ScriptVerb::Status), "status", "show the nodes, cluster time and what is in force",
        &["status"], &[]),
    entry("save", Verb::Script(ScriptVerb::Save), "save FILE", "write what is in force to a file, as a script",
        &["save faults.txt"], &[Slot::Free(&[])]),
    entry("load", Verb::Script(ScriptVerb::Load), "load FILE", "run the lines of a file",
        &["load faults.txt"], &[Slot::Free(&[])]),
    entry("check", Verb::Script(ScriptVerb::Check), "check FILE", "check a script without running it, and show each mistake with its line and column",
        &["check figure-7.txt"], &[Slot::Free(&[])]),
    entry("help", Verb::Script(ScriptVerb::Help), "help [WORD]", "show the words, or one of them",
        &["help", "help hold"], &[Slot::Word]),
    entry("quit", Verb::Script(ScriptVerb::Quit), "quit", "end the cluster",
        &["quit"], &[]),
];

/// The word of this name.
#[must_use]
pub fn word(name: &str) -> Option<&'static Word> {
    let meant = match name.to_ascii_lowercase().as_str() {
        "set" => "put",
        "del" => "delete",
        "exit" | "q" => "quit",
        "?" => "help",
        _ => name,
    };
    WORDS.iter().find(|word| word.name.eq_ignore_ascii_case(meant))
}

/// There is no such word.
pub(crate) fn unknown(given: &str) -> Mistake {
    let hint = hint(given, WORDS.iter().map(|word| word.name));
    let end = if hint.is_empty() { ": help lists all words" } else { &hint };
    Mistake::new(format!("\"{given}\" is not known{end}"))
}

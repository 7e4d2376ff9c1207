//! How lines can be continued, and lines that are invalid.

use super::*;

#[test]
fn a_line_can_be_completed_at_every_place() {
    let texts = |line: &str| -> Vec<String> {
        complete(line, &world()).into_iter().map(|completion| completion.text).collect()
    };
    assert!(texts("").len() == WORDS.len());
    assert_eq!(texts("kil"), ["kill"]);
    assert_eq!(texts("kill "), ["leader", "1", "2", "3", "4", "5", "all"]);
    assert_eq!(texts("kill 1,l"), ["leader"]);
    assert_eq!(texts("restart d"), ["down"]);
    assert_eq!(texts("wait not role 2 c"), ["candidate"]);
    assert_eq!(texts("wait any of leader 2 o"), ["or"]);
    assert_eq!(texts("stays leader 2 f"), ["for"]);
    assert_eq!(texts("stays leader 2 for 2"), ["2s"]);
    assert_eq!(texts("kill l"), ["leader"]);
    assert!(texts("kill 1 ").is_empty());
    assert!(texts("cut ").contains(&"*".to_owned()));
    assert!(texts("cut 1").contains(&"1>3".to_owned()));
    assert_eq!(texts("cut 1>3 "), ["only", "term", "index", "next", "and"]);
    assert_eq!(texts("cut 1>3 only Req"), ["RequestVote"]);
    assert_eq!(texts("refuse 1>3 "), ["and"]);
    assert_eq!(texts("hold * only RequestVote "), ["term", "index", "next", "and"]);
    assert_eq!(texts("when * only RequestVote t"), ["term", "then"]);
    assert_eq!(texts("when * only RequestVote then d"), ["delay", "duplicate"]);
    assert!(texts("when * then cut 1 ").contains(&"and".to_owned()));
    assert_eq!(texts("release #"), ["#12"]);
    assert_eq!(texts("undo #"), ["#7"]);
    assert_eq!(texts("undo "), ["#7", "all"]);
    assert_eq!(texts("wait r"), ["role"]);
    assert_eq!(texts("wait role 2 c"), ["candidate"]);
    assert_eq!(texts("get color "), ["linearizable", "lease", "stale", "at"]);
    assert_eq!(texts("get color stale "), ["at"]);
    assert_eq!(texts("as alice get color stale at l"), ["leader"]);
    assert_eq!(texts("expect in-d"), ["in-doubt"]);
    assert_eq!(texts("wait sto"), [""; 0]);
    assert_eq!(texts("client lo"), ["lose-answers"]);
    assert_eq!(texts("client alice c"), ["cut"]);
    assert_eq!(texts("client alice cut l"), ["leader"]);
    assert!(texts("client alice anywhere ").is_empty());
    assert!(texts("# ki").is_empty() && texts("put \"a").is_empty());
    let list = &complete("hold * only RequestVote,VoteR", &world())[0];
    assert_eq!((list.start, list.text.as_str()), ("hold * only RequestVote,".len(), "VoteReply"));
    let list = &complete("client at 1,2,l", &world())[0];
    assert_eq!((list.start, list.text.as_str()), ("client at 1,2,".len(), "leader"));
}

/// Every line gets an answer without a panic, and its completions can be applied.
#[test]
fn no_line_makes_it_panic() {
    let pieces = [
        "kill", "cut", "when", "then", "and", "only", "1>3", "1,2|3", "#12", "\"", "é±", "10%", "..", "5..",
        "leader", "wait", "held", "release", "undo", "#", ",", ">", "wan", "1=eu", "halves", "within", "not",
        "any", "or", "all", "for", "stays", "let", "=", "$x", "$", "repeat", "1..3", "gap",
    ];
    let mut bindings = Bindings::default();
    bindings.bind("x", BoundValue::Number(3));
    let mut random = 1_u64;
    for _ in 0..20_000 {
        let mut line = String::new();
        for _ in 0..5 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(random >> 33).unwrap();
            line += pieces[at % pieces.len()];
            if at % 3 > 0 {
                line.push(' ');
            }
        }
        let _ = parse(&line, &world());
        let _ = parse_with(&line, &world(), &bindings);
        for completion in complete(&line, &world()) {
            assert!(line.is_char_boundary(completion.start), "{line}");
        }
    }
}

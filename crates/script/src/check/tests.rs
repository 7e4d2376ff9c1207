//! Scripts that are read and not carried out.

use super::*;
use crate::{Script, ScriptEffect};
use std::collections::BTreeMap;

fn first(nodes: u64) -> Vec<NodeId> {
    (1..=nodes).map(NodeId).collect()
}

fn flaws(script: &str, nodes: u64) -> Vec<String> {
    check("a.txt", script.as_bytes(), &first(nodes), None).flaws.iter().map(ScriptFlaw::to_string).collect()
}

/// The mistakes of the first of these files and of those that it loads, with their files, for three nodes.
fn flaws_of(files: &[(&str, &str)]) -> Vec<String> {
    let (main, script) = files[0];
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let mut reads = 0;
    let mut read = |file: &str| {
        reads += 1;
        files.get(file).map(|text| text.as_bytes().to_vec()).ok_or_else(|| "no such file".to_owned())
    };
    let checked = check(main, script.as_bytes(), &first(3), Some(&mut read));
    assert!(reads < 1000, "{reads} reads");
    checked.flaws.iter().map(|flaw| format!("{}, {flaw}", flaw.file)).collect()
}

#[test]
fn a_script_without_mistakes_has_none() {
    let script = "\u{feff}# a comment\nwait leader\nlet old = leader\nlet t = term $old\nisolate $old\n\
                  wait any of leader 1 or not leader $old\nwait term $old $t+1.. within 5s\n\
                  repeat 3 as i\nput k$i v\nrepeat 2\nsleep 10ms\nend\nend\nadd\nwait voter 4\ncut leader>1\n\
                  cut leader>2\nhalves follower|2,3,4\nremove 4\nquit\n";
    let checked = check("a.txt", script.as_bytes(), &first(3), None);
    assert_eq!((checked.flaws, checked.lines), (vec![], 20));
}

#[test]
fn each_mistake_has_its_line_and_column() {
    let script = "klil 2\nkill  9\nwait leader within 5x\n  cut ä>1\nkill 2 3\nwait\nput \"a\ntry klil 2";
    assert_eq!(
        flaws(script, 3),
        [
            "line 1, column 1: \"klil\" is not known: did you mean kill?",
            "line 2, column 7: there is no n9: the nodes are n1 n2 n3",
            "line 3, column 20: \"5x\" is not a time: write 10ms, 1.5s, 500us, 2m or 4T (four least election timeouts)",
            "line 4, column 7: \"ä\" is not a node: a node is 1, n1, leader or follower",
            "line 5, column 8: \"3\" is unexpected here: kill NODES",
            "line 6, column 1: wait needs a condition, such as leader or log 2 4: wait CONDITION [within TIME]",
            "line 7, column 1: the quote is not closed: add a \" at the end",
            "line 8, column 5: \"klil\" is not known: did you mean kill?",
        ]
    );
    let no_text = check("a.txt", b"heal\nput a \xff", &first(3), None).flaws;
    assert_eq!(no_text[0].to_string(), "line 2, column 1: the line is not UTF-8 text");
}

#[test]
fn names_and_repeats_are_followed() {
    assert_eq!(
        flaws("kill $old\nlet old = 2\nkill $odl", 3),
        [
            "line 1, column 6: $old is not set: let old = leader gives it a value",
            "line 3, column 6: $odl is not set: did you mean old?"
        ]
    );
    assert_eq!(
        flaws("let $old = 2", 3),
        ["line 1, column 5: let takes a name without its $: let old = leader"]
    );
    let open = "repeat has no end: a line end after the lines that are repeated";
    assert_eq!(flaws("heal\nrepeat 2\nrepeat 3\nend", 3), [format!("line 2, column 1: {open}")]);
    assert_eq!(flaws("end", 3), ["line 1, column 1: end without repeat: no repeat is open before it"]);
    assert_eq!(flaws("repeat x\nend", 3).len(), 1, "its end is no mistake");
    assert_eq!(flaws("repeat 2\nadd\nend\nwait up 5", 3), [""; 0]);
    assert_eq!(flaws("remove 3\nkill 3", 3), ["line 2, column 6: there is no n3: the nodes are n1 n2"]);
    assert_eq!(flaws("begin remove 3\nrelease 1>3\nbegin add learner\nkill 4", 3), [""; 0]);
}

/// Which node leads is not known before a script is carried out.
#[test]
fn what_depends_on_the_leader_is_no_mistake_if_it_can_be_right() {
    assert_eq!(flaws("cut leader>1", 3), [""; 0]);
    assert_eq!(flaws("cut leader>leader", 3).len(), 1);
}

#[test]
fn another_node_leads_when_the_leader_goes() {
    for gone in ["remove", "kill", "stop", "restart", "pause", "wipe"] {
        let script = format!("let old = leader\n{gone} $old\nwait leader\nkill leader\nput a b\n");
        assert_eq!(flaws(&script, 3), [""; 0], "{gone}");
    }
    assert_eq!(flaws("let old = leader\nkill $old\ncut leader>$old", 3), [""; 0]);
    assert_eq!(flaws("remove leader\nremove leader\nkill leader\nkill 2", 2), [""; 0]);
    assert_eq!(flaws("remove leader\nkill follower", 2).len(), 1, "none follows");
    assert_eq!(flaws("add\nkill follower", 1), [""; 0], "who is added follows");
}

#[test]
fn a_figure_may_be_any_number() {
    let script = "let c = commit leader\nwait commit leader $c-2..\nwait commit leader $c-2..$c\n\
                  let d = $c\nwait commit leader $d-3..\nwait commit leader 7..$c\nrepeat $c\nend";
    assert_eq!(flaws(script, 3), [""; 0]);
    assert_eq!(flaws("let c = 1\nwait commit leader $c-2..", 3).len(), 1, "this one is known");
}

#[test]
fn nodes_need_not_be_numbered_without_gaps() {
    let nodes = [NodeId(1), NodeId(4), NodeId(5)];
    let flaws = check("a.txt", b"kill 5\nkill 2", &nodes, None).flaws;
    assert_eq!(flaws[0].to_string(), "line 2, column 6: there is no n2: the nodes are n1 n4 n5");
    assert_eq!(flaws.len(), 1);

    let mut script = Script::of_file("a", b"check b");
    let world = Reading::new(&nodes, NodeId(4)).world;
    assert_eq!(script.go_on(Duration::ZERO, &world), [ScriptEffect::Read("b".to_owned())]);
    script.loaded(Ok(b"kill 5".to_vec()));
    let right = "b: 1 line, no mistake".to_owned();
    assert_eq!(script.go_on(Duration::ZERO, &world), [ScriptEffect::Answer("check", vec![right])]);
}

#[test]
fn files_that_are_not_read_may_set_names() {
    assert_eq!(flaws("heal\nload b.txt\nkill $who\nwait term 1 $t-3..", 3), [""; 0]);
}

#[test]
fn files_are_read_where_they_are_loaded() {
    let parts = [
        ("lib/a.txt", "let x = 2\nload b.txt\nkill 4\nkill $y\nrepeat 2\nload d.txt\nend\nkill 5,6\nkill $z"),
        ("lib/b.txt", "kill $x\nadd\nlet y = 1\nload c/c.txt"),
        ("lib/c/c.txt", "klil 1\nend"),
        ("lib/d.txt", "add\nrepeat 2"),
    ];
    assert_eq!(
        flaws_of(&parts),
        [
            "lib/a.txt, line 9, column 6: $z is not set: did you mean x?",
            "lib/c/c.txt, line 1, column 1: \"klil\" is not known: did you mean kill?",
            "lib/c/c.txt, line 2, column 1: end without repeat: no repeat is open before it",
            "lib/d.txt, line 2, column 1: repeat has no end: a line end after the lines that are repeated",
        ]
    );
    assert_eq!(
        flaws_of(&[("a", "load b\nkill $x\nload c\nkill 9"), ("c", "kill 8")]),
        [
            "a, line 1, column 1: b cannot be read: no such file",
            "a, line 4, column 6: there is no n9: the nodes are n1 n2 n3",
            "c, line 1, column 6: there is no n8: the nodes are n1 n2 n3",
        ]
    );
}

/// The same mistake is found when the script is carried out.
#[test]
fn a_file_that_loads_itself_is_a_mistake() {
    let found = flaws_of(&[("a", "load a")]);
    assert_eq!(found, ["a, line 1, column 1: a is not loaded: 8 files load one another already"]);

    let mut script = Script::of_file("a", b"load a");
    let world = Reading::new(&first(3), NodeId(1)).world;
    let said = loop {
        match &script.go_on(Duration::ZERO, &world)[..] {
            [ScriptEffect::Read(_)] => script.loaded(Ok(b"load a".to_vec())),
            [ScriptEffect::Mistake(said)] => break said.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(said, "a, line 1: a is not loaded: 8 files load one another already");
}

#[test]
fn files_that_load_one_another_often_are_read_in_the_end() {
    let often = "load a\n".repeat(20) + "klil 2";
    let found = flaws_of(&[("a", &often)]);
    assert_eq!((found.len(), &found[1][..20]), (2, "a, line 21, column 1"));

    let mut reads = 0;
    let mut read = |_: &str| {
        reads += 1;
        let named = |at| format!("load {}y.txt\n", "x/../".repeat(at));
        Ok((1..10).map(named).collect::<String>().into_bytes())
    };
    let found = check("y.txt", b"load x/../y.txt", &first(1), Some(&mut read)).flaws;
    assert!(!found.is_empty() && reads < 2000, "{} {reads}", found.len());
}

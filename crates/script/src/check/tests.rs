//! Scripts that are read and not carried out.

use super::*;

fn flaws(script: &str, nodes: usize) -> Vec<String> {
    check(script.as_bytes(), nodes).flaws.iter().map(Flaw::to_string).collect()
}

#[test]
fn a_script_without_mistakes_has_none() {
    let script = "\u{feff}# a comment\nwait leader\nlet old = leader\nlet t = term $old\nisolate $old\n\
                  wait any of leader 1 or not leader $old\nwait term $old $t+1.. within 5s\n\
                  repeat 3 as i\nput k$i v\nrepeat 2\nsleep 10ms\nend\nend\nadd\nwait voter 4\ncut leader>1\n\
                  cut leader>2\nhalves follower|2,3,4\nremove 4\nquit\n";
    let checked = check(script.as_bytes(), 3);
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
            "line 3, column 20: \"5x\" is no time: say 10ms, 1.5s, 500us or 2m",
            "line 4, column 7: \"ä\" is no node: a node is 1, n1, leader or follower",
            "line 5, column 8: \"3\" is too much here: kill NODES",
            "line 6, column 1: wait needs something to be so, such as leader or log 2 4: wait CONDITION [within TIME]",
            "line 7, column 1: the quote is not closed: add a \" at the end",
            "line 8, column 5: \"klil\" is not known: did you mean kill?",
        ]
    );
    let no_text = check(b"heal\nput a \xff", 3).flaws;
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
        ["line 1, column 5: a name is given without its $: let old = leader"]
    );
    let open = "repeat has no end: a line end after the lines that are repeated";
    assert_eq!(flaws("heal\nrepeat 2\nrepeat 3\nend", 3), [format!("line 2, column 1: {open}")]);
    assert_eq!(flaws("end", 3), ["line 1, column 1: end ends nothing: no repeat is open before it"]);
    assert_eq!(flaws("repeat x\nend", 3).len(), 1, "its end is no mistake");
    assert_eq!(flaws("repeat 2\nadd\nend\nwait up 5", 3), [""; 0]);
    assert_eq!(flaws("remove 3\nkill 3", 3), ["line 2, column 6: there is no n3: the nodes are n1 n2"]);
}

/// Who leads is not known before a script is carried out.
#[test]
fn what_depends_on_the_leader_is_no_mistake_if_it_can_be_right() {
    assert_eq!(flaws("cut leader>1", 3), [""; 0]);
    assert_eq!(flaws("cut leader>leader", 3).len(), 1);
}

#[test]
fn files_that_are_loaded_are_named_and_may_set_names() {
    let checked = check(b"heal\nload b.txt\nkill $who", 3);
    assert_eq!((checked.loads, checked.flaws), (vec![(2, "b.txt".to_owned())], vec![]));
}

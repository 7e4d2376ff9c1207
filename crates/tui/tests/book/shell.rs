//! Just enough of a shell's grammar to know which commands a line has, with their arguments. Nothing is expanded.

/// The commands of a block, in order, each as its words.
pub(crate) fn commands(block: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for line in block.replace("\\\n", " ").lines() {
        all.extend(of_line(line));
    }
    all
}

fn of_line(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut characters = line.chars().peekable();
    // Where output goes, and where input comes from, is no argument.
    let mut redirected = false;
    let end_word = |word: &mut Option<String>, commands: &mut Vec<Vec<String>>, redirected: &mut bool| {
        if let Some(word) = word.take()
            && !std::mem::take(redirected)
        {
            commands.last_mut().expect("there is one").push(word);
        }
    };
    while let Some(character) = characters.next() {
        match character {
            '\'' | '"' => {
                let quoted: String = characters.by_ref().take_while(|other| *other != character).collect();
                word.get_or_insert_default().push_str(&quoted);
            }
            '#' if word.is_none() => break,
            ' ' => end_word(&mut word, &mut commands, &mut redirected),
            '>' | '<' => {
                // A descriptor before it, as in 2>, belongs to it.
                if word.as_deref().is_some_and(|word| word.chars().all(|c| c.is_ascii_digit())) {
                    word = None;
                }
                end_word(&mut word, &mut commands, &mut redirected);
                redirected = true;
            }
            '|' | ';' | '&' => {
                end_word(&mut word, &mut commands, &mut redirected);
                commands.push(Vec::new());
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    end_word(&mut word, &mut commands, &mut redirected);
    commands.retain(|command| !command.is_empty());
    commands
}

#[test]
fn words_pipes_quotes_and_comments_are_told_apart() {
    let words = |line: &str| -> Vec<String> { commands(line).iter().map(|words| words.join("+")).collect() };
    assert_eq!(words("a b  'c d' # e"), ["a+b+c d"]);
    assert_eq!(words("printf 'x\\n' | a > f"), ["printf+x\\n", "a"]);
    assert_eq!(words("a < f; b && c 2> g"), ["a", "b", "c"]);
    assert_eq!(words("a \\\n  b #c"), ["a+b"]);
    assert_eq!(words("curl 'u?a=1&b=2' -d '{\"k\":\"#\"}'"), ["curl+u?a=1&b=2+-d+{\"k\":\"#\"}"]);
}

//! The words of a shell script. Nothing is run or expanded: a word keeps its expressions as they are written.

use super::term::expression;

/// The most words of a script that are read.
const WORDS: usize = 20_000;

/// The commands of a script, each as its words without quotes.
pub(super) fn commands(script: &str) -> Vec<Vec<String>> {
    let mut reader = ShellReader::default();
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        if reader.count > WORDS {
            break;
        }
        rest = reader.take(c, rest);
    }
    reader.end_command();
    reader.commands
}

#[derive(Default)]
struct ShellReader {
    commands: Vec<Vec<String>>,
    command: Vec<String>,
    /// The open word. An empty one in quotes is a word too.
    word: Option<String>,
    quote: Option<char>,
    count: usize,
}

impl ShellReader {
    /// Takes what `rest` begins with, and returns what is behind it.
    fn take<'t>(&mut self, c: char, rest: &'t str) -> &'t str {
        let next = &rest[c.len_utf8()..];
        if self.quote != Some('\'')
            && let Some((raw, _)) = expression(rest)
        {
            self.push(raw);
            return &rest[raw.len()..];
        }
        match (c, self.quote) {
            (c, Some(quote)) if c == quote => self.quote = None,
            ('\\', None | Some('"')) => return self.escaped(next),
            (c, Some(_)) => self.push(c.encode_utf8(&mut [0; 4])),
            ('\'' | '"', None) => {
                self.quote = Some(c);
                self.push("");
            }
            ('#', None) if self.word.is_none() => return next.find('\n').map_or("", |end| &next[end..]),
            // `2>&1` is one word.
            ('&', None) if self.word.as_ref().is_some_and(|word| word.ends_with('>')) => self.push("&"),
            ('\n' | ';' | '|' | '&' | '(' | ')', None) => self.end_command(),
            (c, None) if c.is_whitespace() => self.end_word(),
            (c, None) => self.push(c.encode_utf8(&mut [0; 4])),
        }
        next
    }

    /// A character behind a backslash. A line break is left out.
    fn escaped<'t>(&mut self, next: &'t str) -> &'t str {
        let Some(c) = next.chars().next() else { return next };
        if c != '\n' {
            self.push(c.encode_utf8(&mut [0; 4]));
        }
        &next[c.len_utf8()..]
    }

    fn push(&mut self, text: &str) {
        self.word.get_or_insert_default().push_str(text);
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take() {
            self.count += 1;
            self.command.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        let command = std::mem::take(&mut self.command);
        if !command.is_empty() {
            self.commands.push(command);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_split_into_the_words_of_its_commands() {
        let script = "set -e # strict\nbuildctl --addr tcp://b:1234 build \\\n  --opt \"build-arg:A=x y\" && echo '${{ x }} |'\n\
                      git clone https://u:${TOKEN}@h/o/r.git . ; sed -i 's|tag: .*|tag: $(params.t)|' v.yaml\n";
        let shown = commands(script);
        let expected: Vec<Vec<&str>> = vec![
            vec!["set", "-e"],
            vec!["buildctl", "--addr", "tcp://b:1234", "build", "--opt", "build-arg:A=x y"],
            vec!["echo", "${{ x }} |"],
            vec!["git", "clone", "https://u:${TOKEN}@h/o/r.git", "."],
            vec!["sed", "-i", "s|tag: .*|tag: $(params.t)|", "v.yaml"],
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn odd_scripts_end() {
        for script in ["'open", "\\", "$(", "a\\", "#", "\"", "ü'ü"] {
            assert!(commands(script).len() <= 1, "{script}");
        }
    }
}

//! Rust source as words, strings and comments, so that no rule mistakes a comment for code.
//!
//! Deliberately absent: a parser. Braces, names and attributes are all that the rules need.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name, keyword or number.
    Word,
    /// One character of punctuation.
    Punctuation,
    /// The content of a string literal, without quotes.
    Text,
}

/// A piece of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its characters.
    pub text: String,
    /// Its line, from 1.
    pub line: usize,
    /// Whether it belongs to an item under `#[cfg(test)]`.
    pub test: bool,
}

impl Token {
    /// Whether it is this word or this character.
    pub fn is(&self, text: &str) -> bool {
        self.kind != Kind::Text && self.text == text
    }
}

/// One file.
#[derive(Debug, Default)]
pub struct Rust {
    /// The code without comments.
    pub tokens: Vec<Token>,
    /// Comments, by the line on which they begin.
    pub comments: Vec<(usize, String)>,
}

impl Rust {
    /// Reads a file. Text that is not Rust gives some tokens or other, never a failure.
    pub fn read(source: &str) -> Self {
        let mut scanner = Scanner { chars: source.chars().collect(), at: 0, line: 1, out: Self::default() };
        while scanner.at < scanner.chars.len() {
            scanner.one();
        }
        mark_tests(&mut scanner.out.tokens);
        scanner.out
    }

    /// Where the tokens `words` stand one after another.
    pub fn find<'a>(&'a self, words: &'a [&str]) -> impl Iterator<Item = &'a Token> {
        let windows = self.tokens.windows(words.len());
        windows.filter(move |it| it.iter().zip(words).all(|(token, word)| token.is(word))).map(|it| &it[0])
    }
}

/// The index of the token that closes the bracket opened at `open`; the last token if it is never closed.
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.kind != Kind::Punctuation {
            continue;
        }
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len().saturating_sub(1)
}

/// The index of the last token of the item that begins at `start`: its closing brace or its semicolon.
pub fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut at = start;
    while at < tokens.len() {
        let token = &tokens[at];
        if token.is(";") {
            return at;
        }
        if token.is("{") {
            return closing(tokens, at);
        }
        at = if token.is("(") || token.is("[") { closing(tokens, at) + 1 } else { at + 1 };
    }
    tokens.len().saturating_sub(1)
}

fn mark_tests(tokens: &mut [Token]) {
    let mut at = 0;
    while at + 1 < tokens.len() {
        if !(tokens[at].is("#") && tokens[at + 1].is("[")) {
            at += 1;
            continue;
        }
        let attribute_end = closing(tokens, at + 1);
        let words = &tokens[at + 2..attribute_end];
        let has = |word: &str| words.iter().any(|token| token.is(word));
        let first = words.first().is_some_and(|token| token.is("cfg"));
        if first && has("test") && !has("not") {
            let end = item_end(tokens, attribute_end + 1);
            tokens[at..=end].iter_mut().for_each(|token| token.test = true);
            at = end + 1;
        } else {
            at = attribute_end + 1;
        }
    }
}

struct Scanner {
    chars: Vec<char>,
    at: usize,
    line: usize,
    out: Rust,
}

impl Scanner {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn next(&mut self) -> char {
        let c = self.peek(0);
        self.at += 1;
        self.line += usize::from(c == '\n');
        c
    }

    fn push(&mut self, kind: Kind, text: String, line: usize) {
        self.out.tokens.push(Token { kind, text, line, test: false });
    }

    fn one(&mut self) {
        let line = self.line;
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => self.line_comment(line),
            ('/', '*') => self.block_comment(line),
            ('"', _) => self.string(line),
            ('\'', _) => self.quote(),
            (c, _) if c.is_alphanumeric() || c == '_' => self.word(line),
            (c, _) => {
                self.next();
                if !c.is_whitespace() {
                    self.push(Kind::Punctuation, c.to_string(), line);
                }
            }
        }
    }

    fn line_comment(&mut self, line: usize) {
        let mut text = String::new();
        while self.at < self.chars.len() && self.peek(0) != '\n' {
            text.push(self.next());
        }
        self.out.comments.push((line, text));
    }

    fn block_comment(&mut self, line: usize) {
        let (mut text, mut depth) = (String::new(), 0_usize);
        while self.at < self.chars.len() {
            let pair = (self.peek(0), self.peek(1));
            let step = if pair == ('/', '*') || pair == ('*', '/') { 2 } else { 1 };
            (0..step).for_each(|_| text.push(self.next()));
            match pair {
                ('/', '*') => depth += 1,
                ('*', '/') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        self.out.comments.push((line, text));
    }

    fn string(&mut self, line: usize) {
        self.next();
        let mut text = String::new();
        while self.at < self.chars.len() && self.peek(0) != '"' {
            if self.peek(0) == '\\' {
                text.push(self.next());
            }
            text.push(self.next());
        }
        self.next();
        self.push(Kind::Text, text, line);
    }

    fn raw_string(&mut self, line: usize) {
        let mut hashes = 0;
        while self.peek(0) == '#' {
            self.next();
            hashes += 1;
        }
        self.next();
        let mut text = String::new();
        while self.at < self.chars.len() {
            if self.peek(0) == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == '#') {
                break;
            }
            text.push(self.next());
        }
        (0..=hashes).for_each(|_| {
            self.next();
        });
        self.push(Kind::Text, text, line);
    }

    /// A character literal, or the tick of a lifetime.
    fn quote(&mut self) {
        self.next();
        if self.peek(0) == '\\' {
            self.next();
            self.next();
            while self.at < self.chars.len() && self.peek(0) != '\'' {
                self.next();
            }
            self.next();
        } else if self.peek(1) == '\'' {
            self.next();
            self.next();
        }
    }

    fn word(&mut self, line: usize) {
        let mut text = String::new();
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            text.push(self.next());
        }
        let prefix = matches!(text.as_str(), "r" | "b" | "br" | "c" | "cr");
        let raw_opens = text.ends_with('r') && {
            let hashes = (0..).take_while(|ahead| self.peek(*ahead) == '#').count();
            self.peek(hashes) == '"'
        };
        if prefix && raw_opens {
            self.raw_string(line);
        } else if prefix && self.peek(0) == '"' {
            self.string(line);
        } else if text == "b" && self.peek(0) == '\'' {
            self.quote();
        } else {
            self.push(Kind::Word, text, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        Rust::read(source).tokens.into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_strings_and_characters_are_not_code() {
        assert_eq!(texts("a // b {\n/* c /* d */ } */ e"), ["a", "e"]);
        assert_eq!(
            texts(r##"x = "a\"{"; y = r#"}"{"#; z = b"q";"##),
            ["x", "=", r#"a\"{"#, ";", "y", "=", r#"}"{"#, ";", "z", "=", "q", ";"]
        );
        assert_eq!(
            texts(r"f('{', '\'', '\u{7b}', b'}', 'a: loop)"),
            ["f", "(", ",", ",", ",", ",", "a", ":", "loop", ")"]
        );
        assert_eq!(texts("r#type"), ["r", "#", "type"]);
    }

    #[test]
    fn lines_are_counted_through_strings() {
        let rust = Rust::read("\"a\nb\"\nfn x() {}");
        assert_eq!(rust.tokens[1].line, 3);
    }

    #[test]
    fn items_under_cfg_test_are_marked_and_no_others() {
        let source =
            "#[cfg(test)] #[x(y)] mod t { fn a() {} } fn b() {} #[cfg(not(test))] fn c() {} #[cfg(test)] use d;";
        let rust = Rust::read(source);
        let test = |name: &str| rust.tokens.iter().find(|token| token.is(name)).map(|token| token.test);
        assert_eq!((test("a"), test("b"), test("c"), test("d")), (Some(true), Some(false), Some(false), Some(true)));
    }
}

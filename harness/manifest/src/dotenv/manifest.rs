//! A `.env` file that is given alone. The program that reads it is not known.

use crate::command::name_length;
use crate::files::without_bom;
use crate::interpolation::Lookup;
use crate::process::{Process, Role};
use crate::variable::{Place, Reason, Value};
use crate::variables::{Setting, Unread, Variables};

use super::reader::Reader;

/// Whether each line of a file is an assignment or a comment.
pub(crate) fn looks_like(text: &str) -> bool {
    let lines = without_bom(text).lines().map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    let is_assignment = |line: &str| {
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let end = name_length(line);
        end > 0 && line[end..].trim_start().starts_with('=')
    };
    lines.peek().is_some() && lines.all(is_assignment)
}

/// Returns one process for each reader, with what it reads from the file.
pub(crate) fn processes(file: &str, text: &str) -> Vec<Process> {
    let read =
        |reader: Reader| Process::new(reader.name(), Role::Reader, variables(reader, file, text));
    Reader::ALL.map(read).into()
}

fn variables(reader: Reader, file: &str, text: &str) -> Variables {
    let source = |name: &str| {
        let why = format!("`{name}` of the environment is filled in when the file is read");
        let resolve = format!("give the file that sets `{name}`, or read `/proc/PID/environ`");
        Lookup::Missing(Some(Reason::new(why, resolve)))
    };
    let parsed = reader.read(text, &source);
    let mut variables = Variables::default();
    for assignment in parsed.assignments {
        let place = Place::new(file, assignment.line);
        let mut setting = Setting::new(&assignment.name, assignment.value, "", place);
        setting.parts = assignment.steps;
        variables.set(setting);
    }
    for (name, line) in parsed.passed_on {
        let reason = Reason::new(
            "it is passed on from the environment of the program that reads the file",
            format!("write `{name}=…`, or look at that environment"),
        );
        variables.set(Setting::new(&name, Value::Elsewhere(reason), "", Place::new(file, line)));
    }
    if let Some((line, message)) = &parsed.error {
        let why = format!("{} refuses the file: {message} (line {line})", reader.name());
        variables.add_unread(Unread::new(Place::new(file, *line), why, "correct this line"));
    }
    let lines: Vec<_> = text.lines().collect();
    for (line, why) in parsed.ignored {
        let text = without_bom(lines.get(line - 1).copied().unwrap_or_default()).trim_start();
        let text = text.strip_prefix("export ").unwrap_or(text).trim_start();
        let name = &text[..name_length(text)];
        let note = format!("{} ignores the line: {why}", reader.name());
        variables.add_dropped(name, Place::new(file, line), &note);
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the value of `FLAG` for each reader, in the order of [`Reader::ALL`]: `-` if it is not set,
    /// `?` if it is not known.
    fn values_by_reader(text: &str) -> String {
        let values = processes("x.env", text).into_iter().map(|process| {
            match process.variable("FLAG").value {
                Value::Literal(text) => text.replace('\r', "\\r"),
                Value::Unset => "-".into(),
                _ => "?".into(),
            }
        });
        values.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn each_reader_has_its_own_rules() {
        // compose | node | python-dotenv | docker run | systemd | foreman
        for (text, expected) in [
            ("FLAG=true\n", "true|true|true|true|true|true"),
            ("FLAG=\"true\"\n", "true|true|true|\"true\"|true|true"),
            ("FLAG='true'", "true|true|true|'true'|true|true"),
            ("FLAG=true # x", "true|true|true|true # x|true # x|true # x"),
            ("FLAG=true#x", "true#x|true|true#x|true#x|true#x|true#x"),
            ("FLAG=\"a # b\" # c", "a # b|a # b|a # b|\"a # b\" # c|a # b# c|\"a # b\" # c"),
            ("FLAG = true", "true|true|true|?|true|-"),
            ("FLAG: true", "true|true|-|?|-|-"),
            ("export FLAG=true", "true|true|true|?|-|-"),
            ("\u{feff}FLAG=true\r\n", "true|true|-|true|-|-"),
            ("FLAG=true\r\nB=1\r\n", "true|true|true|true|true|true"),
            ("FLAG=a\nFLAG=b", "b|b|b|b|b|b"),
            ("FLAG=", "|||||"),
            ("FLAG", "?|-|-|?|-|-"),
            ("#FLAG=true\n # FLAG=true\nB=1", "-|-|-|-|-|-"),
            ("A=1\nFLAG=${A}", "1|${A}|1|${A}|${A}|${A}"),
            ("FLAG='${A}'", "${A}|${A}|?|'${A}'|${A}|${A}"),
            ("FLAG=true \n", "true|true|true|true |true|true "),
            ("FLAG=\"x\\ny\"", "x\ny|x\ny|x\ny|\"x\\ny\"|x\\ny|x\ny"),
            ("A=\"one\nFLAG=true\"", "-|-|-|true\"|-|true\""),
            ("MY_FLAG=true\nFLAGS=1", "-|-|-|-|-|-"),
        ] {
            assert_eq!(values_by_reader(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_variable_has_the_line_number_of_its_name() {
        let text = "# c\n\nA=\"x\ny\"\n\nFLAG=true\n";
        for process in processes("x.env", text) {
            let place = process.variable("FLAG").place().map(|place| place.line);
            assert_eq!(place, Some(6), "{}", process.name);
        }
    }

    #[test]
    fn a_shell_script_does_not_look_like_a_dotenv_file() {
        assert!(looks_like("# x\nexport A=1\nB = 2"));
        assert!(!looks_like("A=1\nif x; then\nB=2\nfi"));
        assert!(!looks_like(""));
    }
}

//! Variables in definitions of servers: `${NAME}`, `${NAME:-default}`, `${env:NAME}`, `${workspaceFolder}`, `${input:id}`.

use std::path::Path;

/// A variable without a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unset {
    /// An environment variable.
    Variable(String),
    /// Something that a person would be asked for.
    Input(String),
    /// A name that nobody defines.
    Unknown(String),
}

/// Where values come from, and which were used.
#[derive(Debug)]
pub(super) struct Scope {
    workspace: String,
    file: Vec<(String, String)>,
    expanded: Vec<String>,
}

impl Scope {
    pub(super) const fn new(workspace: String) -> Self {
        Self {
            workspace,
            file: Vec::new(),
            expanded: Vec::new(),
        }
    }

    /// Adds the variables of a file of `NAME=value` lines.
    pub(super) fn read_env_file(&mut self, path: &Path) -> Result<(), String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("envFile {} cannot be read: {error}", path.display()))?;
        for line in text.lines().map(str::trim) {
            let line = line.strip_prefix("export ").unwrap_or(line);
            let pair = line.split_once('=').filter(|_| !line.starts_with('#'));
            if let Some((name, value)) = pair {
                let value = value.trim();
                let bare = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
                let value = bare('"').or_else(|| bare('\'')).unwrap_or(value);
                self.expanded.push(value.to_owned());
                self.file.push((name.trim().to_owned(), value.to_owned()));
            }
        }
        Ok(())
    }

    /// The variables of the file.
    pub(super) fn file_variables(&self) -> Vec<(String, String)> {
        self.file.clone()
    }

    /// What variables were expanded to so far.
    pub(super) fn expanded(self) -> Vec<String> {
        self.expanded
    }

    /// Replaces every variable in `text`; a `${` without its `}` stands for itself.
    pub(super) fn expand(&mut self, text: &str) -> Result<String, Unset> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start..].find('}') else {
                break;
            };
            out.push_str(&rest[..start]);
            out.push_str(&self.value(&rest[start + 2..start + length])?);
            rest = &rest[start + length + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(&mut self, name: &str) -> Result<String, Unset> {
        match name.split_once(':') {
            Some(("env", name)) => self.variable(name),
            Some(("input", id)) => Err(Unset::Input(id.to_owned())),
            Some((name, default)) if default.starts_with('-') => {
                self.variable(name).or_else(|_| Ok(default[1..].to_owned()))
            }
            Some(_) => Err(Unset::Unknown(name.to_owned())),
            None => match name {
                "workspaceFolder" => Ok(self.workspace.clone()),
                "workspaceFolderBasename" => {
                    let name = Path::new(&self.workspace).file_name();
                    Ok(name.unwrap_or_default().to_string_lossy().into_owned())
                }
                "userHome" => self.variable("HOME"),
                "pathSeparator" | "/" => Ok("/".to_owned()),
                name => self.variable(name),
            },
        }
    }

    /// An empty value is as good as none: that is what an unfilled template leaves.
    fn variable(&mut self, name: &str) -> Result<String, Unset> {
        let unset = || Unset::Variable(name.to_owned());
        let file = self.file.iter().find(|(known, _)| known == name);
        let file = file.map(|(_, value)| value.clone());
        let value = file.or_else(|| std::env::var(name).ok());
        let value = value.filter(|value| !value.is_empty()).ok_or_else(unset)?;
        self.expanded.push(value.clone());
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_syntax_is_expanded() {
        let path = std::env::var("PATH").unwrap();
        let mut scope = Scope::new("/lab".to_owned());
        for (text, value) in [
            ("${PATH}", path.as_str()),
            ("${env:PATH}", &path),
            ("${PATH:-x}", &path),
            ("${THUNES_NOT_SET:-a:b-c}", "a:b-c"),
            ("${workspaceFolder}/x", "/lab/x"),
            ("${workspaceFolderBasename}", "lab"),
            ("$PATH ${PATH", "$PATH ${PATH"),
        ] {
            assert_eq!(scope.expand(text).as_deref(), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_has_no_value_is_named() {
        let mut scope = Scope::new(String::new());
        for (text, unset) in [
            (
                "a ${THUNES_NOT_SET}",
                Unset::Variable("THUNES_NOT_SET".into()),
            ),
            ("${input:key}", Unset::Input("key".into())),
            ("${command:x}", Unset::Unknown("command:x".into())),
        ] {
            assert_eq!(scope.expand(text), Err(unset), "{text}");
        }
    }
}

//! The editor: `$VISUAL` or `$EDITOR` on a body, in a file that only its owner can read.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use crate::domain::identity::Sha;
use crate::domain::ids::WriteId;
use crate::repair::for_editor;
use crate::tui::msg::Edited;

/// A body to edit.
#[derive(Debug)]
pub(in crate::tui) struct EditJob {
    pub(in crate::tui) id: WriteId,
    pub(in crate::tui) before: Vec<u8>,
    pub(in crate::tui) sha: Sha,
    /// The file with what was typed before, if that was not kept.
    pub(in crate::tui) file: Option<PathBuf>,
}

impl EditJob {
    /// Opens the editor and waits for it. The terminal must be free.
    pub(super) fn run(&self, token_variables: &[String]) -> Result<Edited, String> {
        let file = match &self.file {
            Some(file) => file.clone(),
            None => self.write()?,
        };
        let said = |name: &str| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
        let editor = said("VISUAL").or_else(|| said("EDITOR")).unwrap_or_else(|| "vi".to_owned());
        // Through the shell, since the variable may have options; without the tokens, which an
        // editor has no use for.
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(&file);
        for name in token_variables {
            command.env_remove(name);
        }
        let status = command.status();
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(format!("{editor} ended with {status}; what was typed is in {}", file.display())),
            Err(error) => return Err(format!("{editor} can't be started: {error}")),
        }
        let bytes = std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| format!("what was saved is not UTF-8; it is in {}", file.display()))?;
        Ok(Edited { before: self.before.clone(), sha: self.sha, text, file })
    }

    fn write(&self) -> Result<PathBuf, String> {
        let text = for_editor(&self.before).ok_or("the body is no text: it can't be edited here")?;
        let mut file = tempfile::Builder::new()
            .prefix(&format!("dlq-write-{}-", self.id))
            .suffix(".json")
            .tempfile()
            .map_err(|e| format!("no file for the editor: {e}"))?;
        file.write_all(text.as_bytes()).map_err(|e| format!("{}: {e}", file.path().display()))?;
        let (_, path) = file.keep().map_err(|e| e.to_string())?;
        Ok(path)
    }
}

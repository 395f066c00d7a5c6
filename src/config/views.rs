//! Choices made for the views of a file, remembered beside the config.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use serde_json::{Map, Value, json};

/// The choices, in a JSON file of this user: `{"files": {"/path/dlq.db": {"columns": ["id", "state"]}}}`. What it holds
/// beyond that stays as it is.
#[derive(Debug, Clone)]
pub struct Views {
    path: PathBuf,
}

impl Views {
    /// Returns those in the user's config directory; `None` if the user has none.
    pub fn of_user() -> Option<Self> {
        let strategy = etcetera::choose_base_strategy().ok()?;
        Some(Self { path: strategy.config_dir().join("dlq/views.json") })
    }

    /// Returns the names of the columns that were chosen for a file; `None` if none were, or if nothing can be read.
    pub fn columns(&self, file: &Path) -> Option<Vec<String>> {
        let all = self.read().ok()?;
        let names = all.get("files")?.get(key(file))?.get("columns")?.as_array()?;
        Some(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }

    /// Remembers the columns that were chosen for a file; `None` forgets them.
    ///
    /// # Errors
    /// The system's, with the path in front; a file that is no JSON object is left as it is.
    pub fn remember_columns(&self, file: &Path, columns: Option<&[&str]>) -> io::Result<()> {
        self.change(file, columns).map_err(|why| io::Error::new(why.kind(), format!("{}: {why}", self.path.display())))
    }

    fn change(&self, file: &Path, columns: Option<&[&str]>) -> io::Result<()> {
        let mut all = self.read()?;
        let entry = object(&mut all, "files").and_then(|files| object(files, &key(file)));
        let entry = entry.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "files is no object of objects"))?;
        match columns {
            Some(names) => drop(entry.insert("columns".to_owned(), json!(names))),
            None => drop(entry.remove("columns")),
        }
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        // Another dlq may be writing too, under another name; the last one wins, whole.
        let new = self.path.with_extension(format!("json.{}", std::process::id()));
        fs::write(&new, serde_json::to_vec_pretty(&all)?)?;
        fs::rename(&new, &self.path)
    }

    fn read(&self) -> io::Result<Map<String, Value>> {
        match fs::read(&self.path) {
            Ok(text) => Ok(serde_json::from_slice(&text)?),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(Map::new()),
            Err(why) => Err(why),
        }
    }
}

/// Returns the object of that name, which is made if it isn't there; `None` if something else has the name.
fn object<'a>(map: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    map.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

/// Returns the name that a file has, however it was spelled.
fn key(file: &Path) -> String {
    let whole = fs::canonicalize(file).or_else(|_| std::path::absolute(file));
    whole.as_deref().unwrap_or(file).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_remembered_by_file_and_all_else_stays() {
        let directory = tempfile::tempdir().unwrap();
        let views = Views { path: directory.path().join("dlq/views.json") };
        let (one, other) = (directory.path().join("one.db"), directory.path().join("other.db"));
        assert_eq!(views.columns(&one), None);
        views.remember_columns(&one, Some(&["id", "key"])).unwrap();
        views.remember_columns(&other, Some(&[])).unwrap();
        assert_eq!(views.columns(&one).unwrap(), ["id", "key"]);
        assert_eq!(views.columns(&other).unwrap(), [""; 0]);

        let text = fs::read_to_string(&views.path).unwrap();
        fs::write(&views.path, text.replacen('{', "{\"later\": 1,", 1)).unwrap();
        views.remember_columns(&one, None).unwrap();
        assert_eq!(views.columns(&one), None);
        assert_eq!(views.read().unwrap()["later"], 1, "what a later version wrote stays");

        fs::write(&views.path, "not JSON").unwrap();
        assert_eq!(views.columns(&one), None);
        let why = views.remember_columns(&one, Some(&["id"])).unwrap_err();
        assert!(why.to_string().contains("views.json"), "{why}");
        assert_eq!(fs::read_to_string(&views.path).unwrap(), "not JSON", "it may be somebody's");
    }
}

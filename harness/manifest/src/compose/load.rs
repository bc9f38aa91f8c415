//! Reads compose files, and the files that they extend and include.

use std::path::{Path, PathBuf};

use crate::dotenv::Reader;
use crate::error::Error;
use crate::files::{Files, folder, join, read_text};
use crate::interpolation::{Lookup, Source};
use crate::node::{Kind, Node};
use crate::variable::{Place, Reason, Step, Value};
use crate::variables::Unread;

use super::service::Service;

/// The files that compose looks for without `-f`, in order.
pub(super) const DEFAULT_FILES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
/// The override files. Without `-f`, compose adds the first one that exists.
pub(super) const OVERRIDE_FILES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// Maximum nesting depth of `extends` and `include`.
const MAX_DEPTH: usize = 20;

/// The variables that fill in the files of a project: those of its `.env` files.
#[derive(Debug, Clone, Default)]
pub(super) struct ProjectEnvironment {
    values: Vec<(String, Value, Place)>,
    /// Whether a `.env` file was read. Then only the shell that deploys could set further variables.
    has_env_file: bool,
}

impl ProjectEnvironment {
    /// Adds the variables of a file, except those that are already set. Does nothing if the file can't be
    /// read.
    pub(super) fn read(&mut self, files: &dyn Files, path: &Path) -> Result<(), Error> {
        let Ok(text) = read_text(files, path) else { return Ok(()) };
        let name = path.display().to_string();
        let parsed = Reader::Compose.read(&text, &|name| self.lookup(name));
        if let Some((line, message)) = parsed.error {
            return Err(Error::parse(&name, format!("line {line}: {message}")));
        }
        let mut added: Vec<(String, Value, Place)> = Vec::new();
        for one in parsed.assignments {
            added.retain(|(name, ..)| *name != one.name);
            added.push((one.name, one.value, Place::new(&name, one.line)));
        }
        added.retain(|(name, ..)| !self.values.iter().any(|(known, ..)| known == name));
        self.values.extend(added);
        self.has_env_file = true;
        Ok(())
    }

    /// Returns the names with their lines.
    pub(super) fn places(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.values.iter().map(|(name, _, place)| (name.as_str(), place))
    }

    /// Looks up a variable.
    pub(super) fn lookup(&self, name: &str) -> Lookup {
        match self.values.iter().find(|(known, ..)| known == name) {
            Some((_, Value::Literal(text), place)) => {
                Lookup::Found(text.clone(), Some(Step::filled_in(place.clone(), name, text)))
            }
            Some((
                _,
                Value::Elsewhere(reason) | Value::Unknown(reason) | Value::Refused(reason),
                _,
            )) => Lookup::Unknown(reason.clone()),
            _ if self.has_env_file => Lookup::Missing(None),
            _ => {
                let why = format!("the shell that deploys, or a `.env` file, sets `{name}`");
                Lookup::Missing(Some(Reason::new(why, crate::interpolation::resolve(name))))
            }
        }
    }
}

/// Services, each with the environment of its project.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) services: Vec<(Service, ProjectEnvironment)>,
    /// Parts of the project that can't be read.
    pub(super) unread: Vec<Unread>,
}

/// Reads compose files and merges them in this order. `project` is the base folder of relative paths.
pub(super) fn load(
    files: &dyn Files,
    paths: &[PathBuf],
    project: &Path,
    environment: &ProjectEnvironment,
    depth: usize,
) -> Result<Loaded, Error> {
    let mut loaded = Loaded::default();
    for path in paths {
        let name = path.display().to_string();
        for document in documents(files, path)? {
            let file = File { files, path, name: &name, project, document: &document };
            for include in document.get("include").map(Node::items).unwrap_or_default() {
                let included = file.include(include, environment, depth)?;
                loaded.unread.extend(included.unread);
                loaded.services.extend(included.services);
            }
            let source: Source<'_> = &|name| environment.lookup(name);
            for entry in document.get("services").map(Node::entries).unwrap_or_default() {
                if entry.value.tag.as_deref() == Some("!reset") {
                    loaded.services.retain(|(service, _)| service.name != entry.name);
                    continue;
                }
                let service = file.service(&entry.name, &entry.value, source, 0)?;
                let known = loaded.services.iter_mut().find(|(known, _)| known.name == entry.name);
                match known {
                    Some((known, _)) if super::settings::replaces(&entry.value) => *known = service,
                    Some((known, _)) => *known = known.merged(&service),
                    None => loaded.services.push((service, environment.clone())),
                }
            }
        }
    }
    Ok(loaded)
}

fn documents(files: &dyn Files, path: &Path) -> Result<Vec<Node>, Error> {
    let name = path.display().to_string();
    let text =
        read_text(files, path).map_err(|source| Error::Read { file: name.clone(), source })?;
    let documents = crate::yaml::parse(&text).map_err(|message| Error::parse(&name, message))?;
    Ok(documents.into_iter().filter(Node::is_map).collect())
}

/// A document of a compose file.
struct File<'a> {
    files: &'a dyn Files,
    path: &'a Path,
    /// The path in messages.
    name: &'a str,
    /// The base folder of relative paths.
    project: &'a Path,
    document: &'a Node,
}

impl File<'_> {
    /// Reads a service, merged with the services that it extends.
    fn service(
        &self,
        name: &str,
        node: &Node,
        source: Source<'_>,
        depth: usize,
    ) -> Result<Service, Error> {
        let own = Service::read(name, node, self.name, self.project, source);
        let Some(extends) = node.get("extends") else { return Ok(own) };
        let base_name = extends.text_at("service").or_else(|| extends.text()).unwrap_or_default();
        let unread = |why: String, resolve: &str| {
            let mut own = own.clone();
            own.unread.insert(0, Unread::new(Place::new(self.name, extends.line), why, resolve));
            Ok(own)
        };
        if depth > MAX_DEPTH {
            return unread("`extends` forms a cycle".to_owned(), "correct `extends`");
        }
        let (path, documents) = match extends.text_at("file") {
            None => (self.path.to_owned(), vec![self.document.clone()]),
            Some(file) => {
                let path = join(self.project, file);
                match documents(self.files, &path) {
                    Ok(documents) => (path, documents),
                    Err(Error::Read { .. }) => {
                        return unread(
                            format!(
                                "the service extends a service in `{}`, which does not exist",
                                path.display()
                            ),
                            "`docker compose config` shows the merged service",
                        );
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let base = documents
            .iter()
            .find_map(|document| Some((document, document.get("services")?.get(base_name)?)));
        let Some((document, node)) = base else {
            return unread(
                format!("the service extends `{base_name}`, which does not exist"),
                "correct `extends`",
            );
        };
        let other_folder = extends.text_at("file").map(|_| folder(&path));
        let name_of_file = path.display().to_string();
        let file = File {
            files: self.files,
            path: &path,
            name: &name_of_file,
            project: other_folder.as_deref().unwrap_or(self.project),
            document,
        };
        Ok(file.service(base_name, node, source, depth + 1)?.merged(&own))
    }

    /// Reads the services of an entry of `include`.
    fn include(
        &self,
        node: &Node,
        environment: &ProjectEnvironment,
        depth: usize,
    ) -> Result<Loaded, Error> {
        let paths = node.get("path").map_or_else(|| node.texts(), Node::texts);
        let unread = |why: String| Loaded {
            services: Vec::new(),
            unread: vec![Unread::new(
                Place::new(self.name, node.line),
                why,
                "`docker compose config` shows the merged project",
            )],
        };
        let remote = paths
            .iter()
            .any(|path| path.contains("://") || path.starts_with("git@") || path.contains('$'));
        if remote || depth > MAX_DEPTH || paths.is_empty() {
            let why = "the project includes a file that spanproof does not read";
            return Ok(unread(why.to_owned()));
        }
        let base = folder(self.path);
        let paths: Vec<_> = paths.iter().map(|path| join(&base, path)).collect();
        if let Some(missing) = paths.iter().find(|path| self.files.read(path).is_err()) {
            return Ok(unread(format!(
                "the project includes `{}`, which does not exist",
                missing.display()
            )));
        }
        let project = match node.text_at("project_directory") {
            Some(project) => join(&base, project),
            None => folder(&paths[0]),
        };
        let mut own = environment.clone();
        match node.get("env_file") {
            Some(env_files) => {
                for file in env_files.texts() {
                    own.read(self.files, &join(&base, file))?;
                }
            }
            None => own.read(self.files, &join(&project, ".env"))?,
        }
        load(self.files, &paths, &project, &own, depth + 1)
    }
}

/// Whether a document is a compose file.
pub(crate) fn is_project(document: &Node) -> bool {
    let has = |name: &str| document.get(name).is_some_and(Node::is_map);
    has("services") || matches!(document.get("include").map(|node| &node.kind), Some(Kind::List(_)))
}

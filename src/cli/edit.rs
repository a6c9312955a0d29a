//! `argo-buildkit edit FILE…`: the manifest editor for local files.

mod file;
mod show;

use std::collections::{BTreeSet, HashSet};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::manifest::{self, Concerns, Edit, Warning};

use file::LocalFile;

/// Exit codes: 0 changed, 1 refused or not read, 3 unchanged; 2 is clap's for a wrong command line.
const UNCHANGED: u8 = 3;
const REFUSED: u8 = 1;
const USAGE: u8 = 2;

const STDIN: &str = "-";

/// Each line fits a terminal of 80 columns, so its indentation is kept.
const AFTER_HELP: &str = "\
Targets:
  helm:PATH
      a value of a Helm values file: helm:image.tag
  image:PATH
      the image at a path: one string, or repository, tag and digest
  kustomize:NAME:FIELD
      newTag, newName or digest of an images entry: kustomize:shop/api:newTag
  object:KIND[/NAME[/NAMESPACE]]:PATH
      a field of one Kubernetes object: object:Deployment/api:spec.replicas
  container:KIND/NAME[/NAMESPACE]:CONTAINER
      the image of a container: container:CronJob/report:main
  container:[KIND/NAME[/NAMESPACE]:][image=NAME]
      the image of every container that runs it
  parameter:[APPLICATION:]NAME
      a Helm parameter of an Argo CD Application or a .argocd-source file
  values:[APPLICATION:]PATH
      a path inside an Application's valuesObject or its `values: |`
  setter:NAMESPACE:POLICY[:tag|:name|:digest]
      every value with that Flux setter comment

  A path is keys and items: a.b, a[0].b, a[name=x].b, \"a.b\".c. PATH|PATH
  leads into a text that contains YAML. PATH[+] adds an item to a list that
  does not have it. PATH~\"REGEX\" is the part of a text that the one group
  matches: url~\"[?]ref=(.+)\". APPLICATION is a name; [0] or [chart=NAME]
  after it, or alone, chooses one of several sources.

Examples:
  # Show what a new tag would change.
  argo-buildkit edit values.yaml -t helm:image.tag=1.4.0
  # Change it.
  argo-buildkit edit values.yaml -t helm:image.tag=1.4.0 --write

Exit codes:
  0  a file is changed, or would be without --write
  1  an edit was refused, or a file could not be read or written:
     standard error says which and why
  2  the command line is wrong
  3  every file already has the values

The same edits are made in each FILE. If one is refused, no file is written. Of
several FILEs, a setter edits only those with its comment.
If a file cannot be written, the files before it have been written.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Command {
    /// Files to edit: YAML or JSON. A symbolic link is refused. `-` alone edits standard input to standard output.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What to set to which value. May be given several times.
    #[arg(long = "target", short = 't', required = true, value_name = "TARGET=VALUE")]
    edits: Vec<Edit>,
    /// Add a key that does not exist yet, in its neighbours' style.
    #[arg(long)]
    create: bool,
    /// Set a value that aliases use, which changes all of them; standard error names the aliases.
    #[arg(long)]
    shared: bool,
    /// Write the files. Without it, only the difference is shown.
    #[arg(long, short)]
    write: bool,
}

impl Command {
    /// Prints the diff of every file, in their order, and writes them if that is requested. For standard input, it
    /// prints the whole file.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (create, shared) = (self.create, self.shared);
        let edits: Vec<Edit> = self.edits.into_iter().map(|edit| Edit { create, shared, ..edit }).collect();
        if let [path] = self.files.as_slice()
            && path.as_os_str() == STDIN
        {
            return piped(&edits);
        }
        if self.files.iter().any(|path| path.as_os_str() == STDIN) {
            show::error("error: `-` is standard input, whose result goes to standard output; name it alone");
            return Ok(ExitCode::from(USAGE));
        }
        let Some(sources) = read(&self.files) else { return Ok(ExitCode::from(REFUSED)) };
        let concerns: Vec<_> = sources.iter().map(|source| Concerns::of(&source.bytes)).collect();
        let mut changed = Vec::new();
        let mut refused = false;
        for (source, own) in sources.iter().zip(&concerns) {
            let edits = concerning(&edits, &concerns, own);
            if edits.is_empty() {
                continue;
            }
            match manifest::apply(&source.bytes, &edits) {
                Ok(edited) if edited.changed => changed.push((source, edited.bytes, edited.warnings)),
                Ok(_) => {}
                Err(error) => {
                    show::error(&format!("{}: {error:#}", source.shown()));
                    refused = true;
                }
            }
        }
        if refused {
            return Ok(ExitCode::from(REFUSED));
        }
        for (source, new, warnings) in &changed {
            warn(&source.shown(), warnings);
            let difference = manifest::unified_diff(&source.shown(), &source.bytes, new);
            if self.write {
                source.replace(new)?;
            }
            show::difference(&difference);
        }
        Ok(if changed.is_empty() { ExitCode::from(UNCHANGED) } else { ExitCode::SUCCESS })
    }
}

/// Edits standard input to standard output.
fn piped(edits: &[Edit]) -> anyhow::Result<ExitCode> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).context("standard input cannot be read")?;
    let edited = match manifest::apply(&bytes, edits) {
        Ok(edited) => edited,
        Err(error) => {
            show::error(&format!("{STDIN}:{error}"));
            return Ok(ExitCode::from(REFUSED));
        }
    };
    warn(STDIN, &edited.warnings);
    std::io::stdout().write_all(&edited.bytes).context("standard output cannot be written")?;
    Ok(if edited.changed { ExitCode::SUCCESS } else { ExitCode::from(UNCHANGED) })
}

fn warn(file: &str, warnings: &BTreeSet<Warning>) {
    warnings.iter().for_each(|warning| show::error(&format!("{file}:{warning} (warning)")));
}

/// Reads each file once. None if one cannot be read; then standard error says why.
fn read(paths: &[PathBuf]) -> Option<Vec<LocalFile>> {
    let mut seen = HashSet::new();
    let unseen = |path: &&PathBuf| seen.insert(path.canonicalize().unwrap_or_else(|_| path.to_path_buf()));
    let read = |path: &PathBuf| {
        let say = |error: &anyhow::Error| show::error(&format!("{}: {error:#}", path.display()));
        LocalFile::read(path.clone()).inspect_err(say).ok()
    };
    let all: Vec<_> = paths.iter().filter(unseen).map(read).collect();
    all.into_iter().collect()
}

/// The edits of one of several files: those that concern it, and those that concern none.
fn concerning(edits: &[Edit], all: &[Concerns], own: &Concerns) -> Vec<Edit> {
    let is_of = |edit: &&Edit| own.has(&edit.target) || !all.iter().any(|file| file.has(&edit.target));
    edits.iter().filter(is_of).cloned().collect()
}

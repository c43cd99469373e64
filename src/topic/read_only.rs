//! A data directory that is served as it is, ours or Kafka's, and in which nothing is changed (`read.only`).
//!
//! Always true: nothing is written, made, renamed, cut or removed: no lock file, no marker, no index. What a start would
//! repair is left out: a torn tail is not served, indexes are completed in memory, and a partition that cannot be served as
//! it is answers KAFKA_STORAGE_ERROR. A lock file that is there is locked together with other readers, so that no broker
//! starts on the directory meanwhile.
//! Not done: what another process writes later is not seen.

use super::name::Folder;
use super::open::{partition_folders, RunAll, Start};
use super::registry_file::Contents;
use super::takeover::{self, Truth, Unservable};
use super::*;

/// What the directory says, and which of its partitions cannot be served.
struct Look {
    contents: Contents,
    is_kafkas: bool,
    unservable: Vec<(TopicPartition, Unservable)>,
}

impl TopicRegistry {
    /// Opens the data directory that the configuration names, and changes nothing in it.
    pub fn look_with(mut config: Config, run_all: RunAll) -> Result<TopicRegistry> {
        let root = PathBuf::from(config.text("log.dirs"));
        let data = DataDir::look(&root, config.int("node.id"))?;
        let node = i32::try_from(config.int("node.id")).expect("checked when it was set");
        let Look { contents, is_kafkas, unservable } = look(&root, node)?;
        contents.configs.iter().for_each(|(source, overrides)| config.replace(*source, overrides));
        let mut ids = HashMap::new();
        for (folder, kind) in partition_folders(&root)? {
            let Folder::Partition(name) = kind else { continue };
            if let Some(id) = partition_metadata::read(&root.join(folder))? {
                ids.insert(name, id);
            }
        }
        let start = Start {
            is_clean: DataDir::is_clean(&root),
            is_read_only: true,
            unservable: unservable.into_iter().collect(),
            ..Start::new(&config, &data, &contents, ids, is_kafkas)?
        };
        let tables = start.open_all(&contents, run_all);
        note!(Info, "read_only", [path = root.display()], "nothing in it is changed");
        let (file, mirrored) = (RegistryFile::read_only(&root), mirror_file::read(&root)?);
        let registry = TopicRegistry::started(config, data, file, mirrored, &contents, tables);
        Ok(TopicRegistry { is_read_only: true, ..registry })
    }
}

fn look(root: &Path, node: i32) -> Result<Look> {
    let was = RegistryFile::look(root)?;
    match takeover::truth(root, was.as_ref())? {
        Truth::Metadata(reading) => {
            takeover::check_version(root, &reading.image)?;
            let unservable = takeover::unservable(root, &reading.image)?;
            Ok(Look { contents: takeover::contents(&reading, node, was), is_kafkas: true, unservable })
        }
        Truth::Registry(_) => match was {
            Some(contents) => Ok(Look { contents, is_kafkas: false, unservable: Vec::new() }),
            None => Err(Error::unusable(
                format!("{} holds no {} and no metadata of Kafka", root.display(), registry_file::FILE_NAME),
                "give the data directory of a broker with --data",
            )),
        },
    }
}

//! One session per node that carries all followed files, framed.
//!
//! The node's shell looks at sizes ten times a second and sends what was added: `F <index> <offset> <length> <inode>`, a line end,
//! the bytes, a line end. `T <index>` says that a file has become shorter or another one. A `.` about every two seconds shows that it
//! lives; writing it is also how it learns that nobody listens any more, and ends.

use bytes::{Buf, Bytes, BytesMut};
use domain::shell::quote;
use std::fmt::Write;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Host, HostError};

/// A file to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    pub path: String,
    /// Where to begin.
    pub offset: u64,
    /// Of the file that was read so far; 0: none was seen yet.
    pub inode: u64,
}

/// Something about the file at `index` in the list that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Added {
        index: usize,
        offset: u64,
        inode: u64,
        bytes: Bytes,
    },
    /// The file is shorter than what was read of it, or another one: read it again from its beginning.
    Replaced { index: usize },
}

/// A silence of this length means that the connection is gone: frames or dots come every two seconds.
const SILENCE: Duration = Duration::from_secs(15);
/// Longest piece in one frame.
const PIECE: u64 = 256 << 10;

/// A running session.
pub struct Follower {
    stream: mpsc::Receiver<Bytes>,
    held: BytesMut,
}

impl Follower {
    /// Begins to follow; ends when dropped.
    pub async fn start(host: &dyn Host, files: &[Followed]) -> Result<Follower, HostError> {
        Ok(Follower {
            stream: host.stream(&script(files)).await?,
            held: BytesMut::new(),
        })
    }

    /// The next frame. An error ends the session; what was not sent is read by the next one.
    pub async fn next(&mut self) -> Result<Frame, HostError> {
        loop {
            if let Some(frame) = take(&mut self.held)? {
                return Ok(frame);
            }
            let more = timeout(SILENCE, self.stream.recv())
                .await
                .map_err(|_| HostError::TimedOut(SILENCE))?
                .ok_or_else(|| HostError::Broken("the follower's session ended".to_owned()))?;
            self.held.extend_from_slice(&more);
        }
    }
}

fn script(files: &[Followed]) -> String {
    let mut text = String::from("set --");
    for file in files {
        // Writing to a String cannot fail.
        let _ = write!(text, " {}", quote(&file.path));
    }
    text.push('\n');
    for (index, file) in files.iter().enumerate() {
        let _ = writeln!(text, "o{index}={} i{index}={}", file.offset, file.inode);
    }
    let _ = write!(
        text,
        r#"beat=0
while :; do
  k=0
  for f; do
    n=$(stat -L -c '%s %i' "$f" 2>/dev/null) && {{
      size=${{n% *}} inode=${{n#* }}
      eval "from=\$o$k known=\$i$k"
      if [ "$size" -lt "$from" ] || {{ [ "$known" != 0 ] && [ "$known" != "$inode" ]; }}; then
        echo "T $k" || exit; from=0
      fi
      while [ "$size" -gt "$from" ]; do
        take=$((size - from)); [ $take -gt {PIECE} ] && take={PIECE}
        echo "F $k $from $take $inode" || exit
        tail -c +$((from + 1)) "$f" | head -c $take && echo || exit
        from=$((from + take))
      done
      eval "o$k=$from i$k=$inode"
    }}
    k=$((k + 1))
  done
  beat=$((beat + 1)); [ $((beat % 20)) = 0 ] && {{ echo . || exit; }}
  sleep 0.1
done
"#
    );
    text
}

/// Takes the next whole frame out of what arrived.
fn take(held: &mut BytesMut) -> Result<Option<Frame>, HostError> {
    let broken = |line: &[u8]| {
        HostError::Broken(format!(
            "the follower said {:?}",
            String::from_utf8_lossy(line)
        ))
    };
    loop {
        let Some(end) = held.iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let line = held[..end].to_vec();
        let text = std::str::from_utf8(&line).map_err(|_| broken(&line))?;
        let mut words = text.split(' ');
        let kind = words.next();
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        match kind {
            Some(".") => held.advance(end + 1),
            Some("T") => {
                let index = number().ok_or_else(|| broken(&line))?;
                held.advance(end + 1);
                let index = usize::try_from(index).map_err(|_| broken(&line))?;
                return Ok(Some(Frame::Replaced { index }));
            }
            Some("F") => {
                let (Some(index), Some(offset), Some(length), Some(inode)) =
                    (number(), number(), number(), number())
                else {
                    return Err(broken(&line));
                };
                let whole = end + 1 + usize::try_from(length).map_err(|_| broken(&line))? + 1;
                if held.len() < whole {
                    return Ok(None);
                }
                held.advance(end + 1);
                let bytes = held.split_to(whole - end - 2).freeze();
                if held[0] != b'\n' {
                    return Err(broken(&line));
                }
                held.advance(1);
                return Ok(Some(Frame::Added {
                    index: usize::try_from(index).map_err(|_| broken(&line))?,
                    offset,
                    inode,
                    bytes,
                }));
            }
            _ => return Err(broken(&line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::LocalHost;
    use super::*;
    use std::io::Write as _;

    #[tokio::test]
    async fn what_is_added_arrives_once_also_of_a_file_that_is_not_there_yet() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other) = (folder.path().join("it's one"), folder.path().join("two"));
        std::fs::write(&one, "seen\n").expect("written");
        let followed = |path: &std::path::Path, offset| Followed {
            path: path.display().to_string(),
            offset,
            inode: 0,
        };
        let mut follower = Follower::start(&LocalHost, &[followed(&one, 5), followed(&other, 0)])
            .await
            .expect("started");
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(&one)
            .expect("opened");
        file.write_all(b"F 0 9 \xff\n.\n").expect("written");
        let Frame::Added {
            index,
            offset,
            bytes,
            ..
        } = follower.next().await.expect("a frame")
        else {
            panic!("nothing was replaced")
        };
        assert_eq!(
            (index, offset, bytes.as_ref()),
            (0, 5, b"F 0 9 \xff\n.\n".as_slice())
        );
        std::fs::write(&other, vec![b'x'; PIECE as usize + 10]).expect("written");
        let mut arrived = 0;
        while arrived < PIECE as usize + 10 {
            match follower.next().await.expect("a frame") {
                Frame::Added {
                    index: 1,
                    offset,
                    bytes,
                    ..
                } => {
                    assert_eq!(offset as usize, arrived);
                    arrived += bytes.len();
                }
                frame => panic!("{frame:?}"),
            }
        }
        std::fs::write(&one, "new\n").expect("cut");
        assert_eq!(follower.next().await, Ok(Frame::Replaced { index: 0 }));
        assert!(matches!(
            follower.next().await,
            Ok(Frame::Added {
                index: 0,
                offset: 0,
                ..
            })
        ));
    }
}

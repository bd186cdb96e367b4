//! The ranks' meeting: every rank holds one TCP connection to rank 0, which adds up what all send and sends it back.
//!
//! Sums are made in the order of the ranks, so the same world gives the same bits. A rank that dies leaves the others
//! waiting for ever, as NCCL does with ms-swift's timeout of 208 days: whoever supervises has to notice.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Result, ensure};

/// This rank's place in the world and its connections.
pub struct Collective {
    pub rank: usize,
    pub size: usize,
    /// Of rank 0: the others, by rank. Of the others: rank 0.
    peers: Vec<TcpStream>,
    /// Rank 0 keeps its port for as long as it runs, so that a second run on it fails.
    _listener: Option<TcpListener>,
}

/// Why the ranks could not meet.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// In torch's own words.
    #[error(
        "The server socket has failed to listen on any local network address. port: {port}, useIpv6: false, code: -{code}, name: {name}, message: {message}"
    )]
    Listen {
        port: u16,
        code: i32,
        name: &'static str,
        message: &'static str,
    },
    #[error("rendezvous: {0}")]
    Other(#[from] io::Error),
}

impl Collective {
    /// Waits at `address:port` until all ranks are there; rank 0 listens. There is no timeout.
    pub fn join(address: &str, port: u16, rank: usize, size: usize) -> Result<Self, JoinError> {
        if rank == 0 {
            let (listener, peers) = accept(address, port, size)?;
            return Ok(Self {
                rank,
                size,
                peers,
                _listener: Some(listener),
            });
        }
        Ok(Self {
            rank,
            size,
            peers: vec![connect(address, port, rank)],
            _listener: None,
        })
    }

    /// Every rank gets the sum of what all ranks brought. Empty contributions count as nothing.
    pub fn sum(&mut self, values: Vec<f32>) -> Result<Vec<f32>> {
        let mut total = values;
        if self.rank != 0 {
            self.send(0, &bytes(&total));
            return floats(&self.receive(0));
        }
        for peer in 0..self.peers.len() {
            let part = floats(&self.receive(peer))?;
            if total.is_empty() {
                total = part;
            } else if !part.is_empty() {
                ensure!(
                    part.len() == total.len(),
                    "rank {} brought {} numbers",
                    peer + 1,
                    part.len()
                );
                total
                    .iter_mut()
                    .zip(part)
                    .for_each(|(sum, value)| *sum += value);
            }
        }
        let message = bytes(&total);
        (0..self.peers.len()).for_each(|peer| self.send(peer, &message));
        Ok(total)
    }

    /// Every rank gets all ranks' contributions, by rank.
    pub fn gather(&mut self, own: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        if self.rank != 0 {
            self.send(0, &own);
            return (0..self.size).map(|_| Ok(self.receive(0))).collect();
        }
        let mut all = vec![own];
        for peer in 0..self.peers.len() {
            all.push(self.receive(peer));
        }
        for peer in 0..self.peers.len() {
            all.iter().for_each(|part| self.send(peer, part));
        }
        Ok(all)
    }

    /// Every rank gets what rank 0 brought.
    pub fn broadcast(&mut self, text: String) -> Result<String> {
        let all = self.gather(if self.rank == 0 {
            text.into_bytes()
        } else {
            Vec::new()
        })?;
        Ok(String::from_utf8(
            all.into_iter().next().unwrap_or_default(),
        )?)
    }

    /// Returns when every rank has come here.
    pub fn barrier(&mut self) -> Result<()> {
        self.sum(Vec::new()).map(|_| ())
    }

    fn send(&mut self, peer: usize, message: &[u8]) {
        let length = (message.len() as u64).to_le_bytes();
        let stream = &mut self.peers[peer];
        if stream
            .write_all(&length)
            .and_then(|()| stream.write_all(message))
            .is_err()
        {
            stall();
        }
    }

    fn receive(&mut self, peer: usize) -> Vec<u8> {
        let mut length = [0; 8];
        let stream = &mut self.peers[peer];
        if stream.read_exact(&mut length).is_err() {
            stall();
        }
        let mut message = vec![0; u64::from_le_bytes(length) as usize];
        if stream.read_exact(&mut message).is_err() {
            stall();
        }
        message
    }
}

/// A collective whose other end is gone never returns.
fn stall() -> ! {
    loop {
        std::thread::park();
    }
}

fn accept(
    address: &str,
    port: u16,
    size: usize,
) -> Result<(TcpListener, Vec<TcpStream>), JoinError> {
    let refused = |error: io::Error| match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::AddrInUse, Some(code)) => JoinError::Listen {
            port,
            code,
            name: "EADDRINUSE",
            message: "address already in use",
        },
        (io::ErrorKind::AddrNotAvailable, Some(code)) => JoinError::Listen {
            port,
            code,
            name: "EADDRNOTAVAIL",
            message: "address not available",
        },
        _ => JoinError::Other(error),
    };
    let listener = TcpListener::bind((address, port)).map_err(refused)?;
    let mut found: Vec<Option<TcpStream>> = (1..size).map(|_| None).collect();
    while found.iter().any(Option::is_none) {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut rank = [0; 8];
        // Whoever knocks and says nothing sensible is a port scanner, not a rank.
        if stream.read_exact(&mut rank).is_err() {
            continue;
        }
        stream.set_read_timeout(None)?;
        let place = (u64::from_le_bytes(rank) as usize).wrapping_sub(1);
        if let Some(seat) = found.get_mut(place) {
            *seat = Some(stream);
        }
    }
    Ok((listener, found.into_iter().flatten().collect()))
}

fn connect(address: &str, port: u16, rank: usize) -> TcpStream {
    loop {
        // Rank 0 may start much later than this node; the wait has no end, as in a real rendezvous.
        if let Ok(mut stream) = TcpStream::connect((address, port)) {
            let greeting = (rank as u64).to_le_bytes();
            if stream.set_nodelay(true).is_ok() && stream.write_all(&greeting).is_ok() {
                return stream;
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn floats(bytes: &[u8]) -> Result<Vec<f32>> {
    ensure!(
        bytes.len().is_multiple_of(4),
        "{} bytes are no row of numbers",
        bytes.len()
    );
    let (parts, _) = bytes.as_chunks::<4>();
    Ok(parts.iter().map(|part| f32::from_le_bytes(*part)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free_port() -> u16 {
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
    }

    #[test]
    fn every_rank_gets_the_same_sum_and_all_contributions() {
        let port = free_port();
        let ranks: Vec<_> = (0..3)
            .map(|rank| {
                std::thread::spawn(move || {
                    let mut world = Collective::join("127.0.0.1", port, rank, 3).unwrap();
                    let own = if rank == 1 {
                        Vec::new()
                    } else {
                        vec![rank as f32, 1.0]
                    };
                    let sum = world.sum(own).unwrap();
                    let word = world.broadcast(format!("from {rank}")).unwrap();
                    (sum, world.gather(vec![rank as u8; rank]).unwrap(), word)
                })
            })
            .collect();
        for rank in ranks {
            let (sum, parts, word) = rank.join().unwrap();
            assert_eq!(sum, [2.0, 2.0]);
            assert_eq!(parts, [vec![], vec![1], vec![2, 2]]);
            assert_eq!(word, "from 0");
        }
    }

    #[test]
    fn a_taken_port_is_refused_in_torchs_words() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Collective::join("127.0.0.1", port, 0, 2)
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.ends_with("code: -98, name: EADDRINUSE, message: address already in use"),
            "{error}"
        );
    }
}

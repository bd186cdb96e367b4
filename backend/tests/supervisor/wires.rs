//! Connections to ports of a node.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use backend::hosts::{self, Host, Limits, Login, SshHost};
use bytes::Bytes;
use domain::nodes::Address;
use tokio::io::AsyncReadExt;

use super::support::{Sshd, user};

#[tokio::test]
async fn an_answer_that_nobody_reads_stands_in_no_commands_way() {
    let sshd = Sshd::start();
    let key = hosts::first_contact("127.0.0.1", sshd.port).await;
    let host = SshHost::new(Login {
        address: Address {
            host: "127.0.0.1".to_owned(),
            port: sshd.port,
            user: user(),
        },
        private_key: sshd.private_key(),
        host_key: key.expect("a host key").openssh,
    });
    let engine = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = engine.local_addr().expect("an address").port();
    // Says so once nothing more is taken from it.
    let (is_stuck, stuck) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let (mut taker, _) = engine.accept().expect("somebody comes");
        taker
            .set_write_timeout(Some(Duration::from_millis(500)))
            .expect("set");
        while taker.write(&[b'x'; 1 << 16]).is_ok() {}
        is_stuck.send(()).ok();
        std::thread::park(); // keeps it open
    });
    let mut wire = host.connect(port).await.expect("connected");
    wire.read_exact(&mut [0; 1]).await.expect("it has begun");
    stuck.await.expect("it stands still");
    let output = host
        .run("echo here", Bytes::new(), Limits::of_secs(10))
        .await
        .expect("the node answers");
    assert_eq!(output.text(), "here\n");
    drop(wire);
}

//! A network between a store and its database, which can fail.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    Works,
    /// Questions reach the server, and no answer comes back.
    Mute,
    /// Every connection ends, and none is made.
    Cut,
}

#[derive(Debug, Clone, Copy)]
struct State {
    network: Network,
    /// How often it was cut.
    cuts: u64,
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: watch::Sender<State>,
}

impl Proxy {
    pub(crate) async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, state) = watch::channel(State { network: Network::Works, cuts: 0 });
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if state.borrow().network != Network::Cut {
                    tokio::spawn(carry(client, server.clone(), state.clone()));
                }
            }
        });
        Self { address, state: sender }
    }

    pub(crate) fn set(&self, network: Network) {
        self.state.send_modify(|state| {
            state.network = network;
            state.cuts += u64::from(network == Network::Cut);
        });
    }
}

async fn carry(mut client: TcpStream, server: String, state: watch::Receiver<State>) {
    let mut server = TcpStream::connect(server).await.unwrap();
    let cuts = state.borrow().cuts;
    let mut ending = state.clone();
    let mut is_cut = std::pin::pin!(async move {
        // An error says that the story is over.
        let _ = ending.wait_for(|state| state.cuts > cuts).await;
    });
    let (mut asked, mut answered) = ([0; 8192], [0; 8192]);
    loop {
        let done = tokio::select! {
            () = &mut is_cut => return,
            read = client.read(&mut asked) => match read {
                Ok(0) | Err(_) => return,
                Ok(length) => server.write_all(&asked[..length]).await,
            },
            read = server.read(&mut answered) => match read {
                Ok(0) | Err(_) => return,
                Ok(length) if state.borrow().network == Network::Works => {
                    client.write_all(&answered[..length]).await
                }
                Ok(_) => Ok(()),
            },
        };
        if done.is_err() {
            return;
        }
    }
}

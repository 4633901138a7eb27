package org.stateferry.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Stands between a client and a server on the loopback interface and hands on what they say, until it is told to hang: then the
 * connections stay open, new ones are taken, and nothing comes through any more, as with a server that is stuck or a network that
 * loses everything.
 */
public final class HangingProxy implements AutoCloseable {
    private final ServerSocket listener;
    private final int target;
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();
    private final Object lock = new Object();
    private boolean hangs;

    /** @param target the server's port */
    public HangingProxy(int target) throws IOException {
        this.target = target;
        this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        start(this::listen);
    }

    /** Where clients are to connect to. */
    public int port() {
        return listener.getLocalPort();
    }

    /** From now on nothing comes through. */
    public void hang() {
        synchronized (lock) {
            hangs = true;
        }
    }

    /** From now on all comes through again, also what was held back. */
    public void goOn() {
        synchronized (lock) {
            hangs = false;
            lock.notifyAll();
        }
    }

    private static void start(Runnable work) {
        Thread thread = new Thread(work, "proxy");
        thread.setDaemon(true);
        thread.start();
    }

    private void listen() {
        try {
            while (true) {
                Socket client = listener.accept();
                sockets.add(client);
                start(() -> connect(client));
            }
        } catch (IOException e) {
            // closed
        }
    }

    private void connect(Socket client) {
        try {
            awaitTurn();
            Socket server = new Socket(InetAddress.getLoopbackAddress(), target);
            sockets.add(server);
            start(() -> handOn(client, server));
            handOn(server, client);
        } catch (IOException e) {
            close(client);
        }
    }

    private void handOn(Socket from, Socket to) {
        byte[] bytes = new byte[8192];
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            for (int count = in.read(bytes); count > 0; count = in.read(bytes)) {
                awaitTurn();
                out.write(bytes, 0, count);
            }
        } catch (IOException e) {
            // one side has hung up
        } finally {
            close(from);
            close(to);
        }
    }

    private void awaitTurn() throws IOException {
        synchronized (lock) {
            while (hangs) {
                try {
                    lock.wait();
                } catch (InterruptedException e) {
                    throw new IOException(e);
                }
            }
        }
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            // it is of no use any more
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        goOn();
        sockets.forEach(HangingProxy::close);
    }
}

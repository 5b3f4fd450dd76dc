package io.passatelli.e2e;

import io.passatelli.lab.UdpEnd;

import java.io.IOException;
import java.time.Duration;

/** Sends every datagram that comes to an address and a port of a namespace back to where it came from. */
final class EchoService implements AutoCloseable {
    private static final Duration LOOK = Duration.ofMillis(100);
    private static final long END_MS = 10_000;

    private final UdpEnd end;
    private final Thread thread;
    private volatile boolean closed;

    EchoService(String namespace, String address, int port) throws IOException {
        end = UdpEnd.bound(namespace, address, port);
        thread = new Thread(this::serve, "echo at " + address);
        thread.setDaemon(true);
        thread.start();
    }

    private void serve() {
        try {
            while (!closed) {
                byte[] payload = end.receive(LOOK);
                if (payload != null) {
                    end.answer(payload);
                }
            }
        } catch (IOException e) {
            if (!closed) {
                System.err.println("the echo service broke: " + e);
            }
        }
    }

    @Override
    public void close() throws IOException {
        closed = true;
        try {
            thread.join(END_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        end.close();
    }
}

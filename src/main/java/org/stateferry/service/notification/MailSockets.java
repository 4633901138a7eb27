package org.stateferry.service.notification;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.Properties;
import javax.net.SocketFactory;
import org.springframework.mail.javamail.JavaMailSender;
import org.springframework.mail.javamail.JavaMailSenderImpl;

/**
 * Connections to a mail server, bounded in time and in bytes whatever it sends. The library reads an answer, however
 * long, into memory, and its time-outs are for a single byte: a server could fill the heap, or hold a thread for ever.
 * TLS goes through such a connection too. Thread-safe.
 */
final class MailSockets extends SocketFactory {
    /** A conversation with its certificates takes less than a tenth. */
    private static final int BYTES_MAX = 256 << 10;

    private final Duration whole;

    /** @param whole how long a connection may be in use */
    MailSockets(Duration whole) {
        this.whole = whole;
    }

    /** Makes all connections of this sender such ones. */
    void useFor(JavaMailSender sender) {
        if (sender instanceof JavaMailSenderImpl configured) {
            Properties settings = configured.getJavaMailProperties();
            for (String protocol : new String[] {"smtp", "smtps"}) {
                settings.put("mail." + protocol + ".socketFactory", this);
                // Else the library tries again without.
                settings.put("mail." + protocol + ".socketFactory.fallback", "false");
            }
        }
    }

    @Override
    public Socket createSocket() {
        return new BoundedSocket(System.nanoTime() + whole.toNanos());
    }

    @Override
    public Socket createSocket(String host, int port) {
        throw unexpected();
    }

    @Override
    public Socket createSocket(String host, int port, InetAddress from, int fromPort) {
        throw unexpected();
    }

    @Override
    public Socket createSocket(InetAddress host, int port) {
        throw unexpected();
    }

    @Override
    public Socket createSocket(InetAddress host, int port, InetAddress from, int fromPort) {
        throw unexpected();
    }

    /** The library connects by itself, with its time-out. */
    private static UnsupportedOperationException unexpected() {
        return new UnsupportedOperationException("only sockets that are not connected yet");
    }

    private static final class BoundedSocket extends Socket {
        private final long endNanos;
        private long bytesLeft = BYTES_MAX;

        private BoundedSocket(long endNanos) {
            this.endNanos = endNanos;
        }

        @Override
        public InputStream getInputStream() throws IOException {
            return new FilterInputStream(super.getInputStream()) {
                @Override
                public int read() throws IOException {
                    byte[] one = new byte[1];
                    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
                }

                @Override
                public int read(byte[] target, int offset, int length) throws IOException {
                    int count = super.read(target, offset, length);
                    bytesLeft -= Math.max(0, count);
                    if (bytesLeft < 0) {
                        throw new IOException("the mail server's answers are longer than " + BYTES_MAX + " bytes");
                    }
                    if (System.nanoTime() - endNanos > 0) {
                        throw new SocketTimeoutException("the mail server takes too long");
                    }
                    return count;
                }
            };
        }
    }
}

package org.stateferry.host;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The datagram socket by which systemd hears from its services (sd_notify(3)). Java has no sockets of this kind. Thread-safe.
 *
 * @param address a path, or with {@code @} as the first character a name in the abstract namespace (unix(7))
 */
public record SupervisorSocket(String address) {
    /** Bytes of {@code sun_path}. */
    private static final int ADDRESS_MAX = 108;

    private static final int FAMILY_SIZE = 2;

    /**
     * The socket.
     *
     * @param address the variable NOTIFY_SOCKET, or null
     * @return empty if there is none, or none that can be reached from here
     */
    public static Optional<SupervisorSocket> of(@Nullable String address) {
        if (address == null) {
            return Optional.empty();
        }
        boolean isKnown = (address.startsWith("/") || address.startsWith("@"))
                && address.getBytes(StandardCharsets.UTF_8).length < ADDRESS_MAX;
        return isKnown && Libc.isAvailable() ? Optional.of(new SupervisorSocket(address)) : Optional.empty();
    }

    /** Sends one message; does not wait if nobody takes it. */
    public void send(String message) throws IOException {
        byte[] path = address.getBytes(StandardCharsets.UTF_8);
        byte[] target = new byte[FAMILY_SIZE + ADDRESS_MAX];
        target[0] = (byte) Libc.AF_UNIX; // little-endian, as all machines are that Libc knows
        System.arraycopy(path, 0, target, FAMILY_SIZE, path.length);
        // A name in the abstract namespace begins with a zero and has no end; a path ends with one.
        int length = FAMILY_SIZE + path.length + (address.startsWith("@") ? 0 : 1);
        if (address.startsWith("@")) {
            target[FAMILY_SIZE] = 0;
        }
        byte[] text = message.getBytes(StandardCharsets.UTF_8);
        int socket = Libc.socket(Libc.AF_UNIX, Libc.SOCK_DGRAM | Libc.O_CLOEXEC, 0);
        if (socket < 0) {
            throw new IOException("a socket: " + Libc.strerror(Libc.lastError()));
        }
        try {
            if (Libc.sendto(socket, text, text.length, Libc.MSG_DONTWAIT, Arrays.copyOf(target, length), length) < 0) {
                throw new IOException(address + ": " + Libc.strerror(Libc.lastError()));
            }
        } finally {
            Libc.close(socket);
        }
    }
}

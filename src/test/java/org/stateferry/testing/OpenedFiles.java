package org.stateferry.testing;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/** The files of a folder that anybody opens to read or write, as the kernel tells (inotify(7)). */
public final class OpenedFiles implements AutoCloseable {
    private static final int IN_OPEN = 0x20;
    private static final int IN_NONBLOCK = 0x800;
    private static final int IN_Q_OVERFLOW = 0x4000;
    private static final int HEAD_SIZE = 16;

    private final C libc = Native.load("c", C.class);
    private final int descriptor;

    /** What the JDK has no call for; its own watch service does not tell of files being opened. */
    public interface C extends Library {
        int inotify_init1(int flags);

        int inotify_add_watch(int descriptor, String path, int mask);

        NativeLong read(int descriptor, byte[] buffer, NativeLong size);

        int close(int descriptor);
    }

    private OpenedFiles(Path folder) {
        descriptor = libc.inotify_init1(IN_NONBLOCK);
        if (descriptor < 0 || libc.inotify_add_watch(descriptor, folder.toString(), IN_OPEN) < 0) {
            throw new IllegalStateException("inotify does not work here");
        }
    }

    /** Begins to watch. */
    public static OpenedFiles watch(Path folder) {
        return new OpenedFiles(folder);
    }

    /** The names of the files that were opened since the last call. */
    public Set<String> names() {
        Set<String> names = new TreeSet<>();
        byte[] bytes = new byte[1 << 16];
        for (int size = read(bytes); size > 0; size = read(bytes)) {
            ByteBuffer events = ByteBuffer.wrap(bytes, 0, size).order(ByteOrder.nativeOrder());
            while (events.hasRemaining()) {
                int at = events.position();
                if ((events.getInt(at + 4) & IN_Q_OVERFLOW) != 0) {
                    throw new IllegalStateException("more was opened than can be told");
                }
                int length = events.getInt(at + HEAD_SIZE - 4);
                String name = new String(bytes, at + HEAD_SIZE, length, StandardCharsets.UTF_8);
                names.add(name.replace("\0", ""));
                events.position(at + HEAD_SIZE + length);
            }
        }
        return names;
    }

    private int read(byte[] bytes) {
        return libc.read(descriptor, bytes, new NativeLong(bytes.length)).intValue();
    }

    @Override
    public void close() {
        libc.close(descriptor);
    }
}

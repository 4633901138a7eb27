package org.stateferry.stream;

import org.jspecify.annotations.Nullable;

/** Control messages in a migration stream (QEMU {@code migration/savevm.c}, {@code enum qemu_vm_cmd}). */
public enum StreamCommand {
    /** Asks the loader to answer, which a loader that reads from an image cannot do. */
    OPEN_RETURN_PATH(1),
    PING(2),
    POSTCOPY_ADVISE(3),
    POSTCOPY_LISTEN(4),
    POSTCOPY_RUN(5),
    POSTCOPY_RAM_DISCARD(6),
    PACKAGED(7),
    ENABLE_COLO(8),
    POSTCOPY_RESUME(9),
    RECV_BITMAP(10),
    /** Precedes the last RAM section of machine types from 10.0 on; carries no data. */
    SWITCHOVER_START(11);

    private final int code;

    StreamCommand(int code) {
        this.code = code;
    }

    /** The number in the stream. */
    public int code() {
        return code;
    }

    /** Whether a stream with this command can be loaded from a snapshot: the others need a sender that answers. */
    public boolean isLoadable() {
        return this == SWITCHOVER_START;
    }

    /** The command that {@code code} stands for, or null if QEMU has none. */
    public static @Nullable StreamCommand of(int code) {
        for (StreamCommand command : values()) {
            if (command.code == code) {
                return command;
            }
        }
        return null;
    }
}

package org.stateferry.stream;

import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/** The control messages of a migration stream (QEMU {@code migration/savevm.c}, {@code enum qemu_vm_cmd}). */
public enum StreamCommand {
    /** Asks the loader to open a channel back to the sender. One that reads from an image cannot. */
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
    /** Comes before the last RAM section if the machine type is 10.0 or newer; has no data. */
    SWITCHOVER_START(11);

    /** Section type, command, length of the data. */
    private static final int HEAD_SIZE = 1 + 2 * Short.BYTES;

    private final int code;

    StreamCommand(int code) {
        this.code = code;
    }

    /** The number in the stream. */
    public int code() {
        return code;
    }

    /** Whether a snapshot can load a stream with this command. The others need a sender that answers. */
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

    /** Passes a command; false if more bytes are needed. */
    static boolean pass(ElementInput in) throws StateferryException {
        if (!in.has(HEAD_SIZE)) {
            return false;
        }
        int code = in.peekU16(1);
        int length = in.peekU16(1 + Short.BYTES);
        StreamCommand command = of(code);
        if (command == null) {
            throw in.invalid("command " + code + " is not known");
        }
        if (!command.isLoadable()) {
            throw in.unfit("the stream holds command " + command + ": it was sent to a QEMU that answers")
                    .advise("save the state again with the migration capabilities return-path, postcopy-ram, "
                            + "dirty-bitmaps and x-colo off");
        }
        if (length != 0) {
            throw in.invalid("command " + command + " has " + length + " bytes of data; it should have none");
        }
        in.advance(HEAD_SIZE);
        return true;
    }
}

package org.stateferry.testing;

import com.sun.jna.NativeLibrary;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/** Gives files an access control list (acl(5)). */
public final class AccessLists {
    private static final int VERSION = 2;
    private static final int NOBODY = -1;

    private AccessLists() {}

    /**
     * Lets the owner and one other user read and write a file, and not its group; its mode then is 0660.
     *
     * @return false if the file system has no such lists
     */
    public static boolean set(Path file) {
        ByteBuffer list = ByteBuffer.allocate(44).order(ByteOrder.LITTLE_ENDIAN).putInt(VERSION);
        entry(list, 0x01, 6, NOBODY); // the owner
        entry(list, 0x02, 6, 12_345); // a user
        entry(list, 0x04, 0, NOBODY); // the group
        entry(list, 0x10, 6, NOBODY); // what users and groups get at most
        entry(list, 0x20, 0, NOBODY); // all others
        return NativeLibrary.getProcess().getFunction("setxattr").invokeInt(new Object[] {
                    file.toString(), "system.posix_acl_access", list.array(), (long) list.position(), 0
                })
                == 0;
    }

    private static void entry(ByteBuffer list, int tag, int permissions, int id) {
        list.putShort((short) tag).putShort((short) permissions).putInt(id);
    }
}

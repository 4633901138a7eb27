package org.stateferry.host;

import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.UserPrincipal;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The owner to give to a file, as for chown(1): {@code USER} or {@code USER:GROUP}, by name or number. Immutable. */
public final class FileOwner {
    private final String text;
    private final UserPrincipal user;
    private final @Nullable GroupPrincipal group;

    private FileOwner(String text, UserPrincipal user, @Nullable GroupPrincipal group) {
        this.text = text;
        this.user = user;
        this.group = group;
    }

    /**
     * Looks the names up.
     *
     * @throws IllegalArgumentException if there is no such user or group, or no owner can be given here; its message is fit
     *     for an operator
     */
    public static FileOwner parse(String text) {
        int colon = text.indexOf(':');
        String userName = colon < 0 ? text : text.substring(0, colon);
        String groupName = colon < 0 ? null : text.substring(colon + 1);
        if (userName.isBlank() || (groupName != null && groupName.isBlank())) {
            throw new IllegalArgumentException("'" + text + "' is neither USER nor USER:GROUP");
        }
        FileSystem system = FileSystems.getDefault();
        if (!system.supportedFileAttributeViews().contains("posix")) {
            throw new IllegalArgumentException("files have no owners of this kind on this system");
        }
        UserPrincipalLookupService names = system.getUserPrincipalLookupService();
        UserPrincipal user = find(userName, names::lookupPrincipalByName);
        GroupPrincipal group = groupName == null ? null : find(groupName, names::lookupPrincipalByGroupName);
        return new FileOwner(text, user, group);
    }

    /** Looks up a user or a group. */
    private interface Lookup<T> {
        T find(String name) throws IOException;
    }

    private static <T> T find(String name, Lookup<T> lookup) {
        try {
            return lookup.find(name);
        } catch (UserPrincipalNotFoundException e) {
            throw new IllegalArgumentException("there is no user or group '" + name + "'", e);
        } catch (IOException e) {
            throw new IllegalArgumentException("'" + name + "' cannot be looked up: " + e.getMessage(), e);
        }
    }

    /** A file's owner and group. */
    static FileOwner of(Path file) throws IOException {
        var found = Objects.requireNonNull(Files.getFileAttributeView(file, PosixFileAttributeView.class))
                .readAttributes();
        return new FileOwner(found.owner() + ":" + found.group(), found.owner(), found.group());
    }

    void giveTo(Path file) throws IOException {
        PosixFileAttributeView view =
                Objects.requireNonNull(Files.getFileAttributeView(file, PosixFileAttributeView.class));
        // The group first: a user who is not root may give to a group of his own only what still belongs to him.
        if (group != null) {
            view.setGroup(group);
        }
        view.setOwner(user);
    }

    /** As it was written. */
    @Override
    public String toString() {
        return text;
    }
}

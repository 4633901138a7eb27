package org.stateferry.exporter;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.host.LinuxFile;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.importer.image.PartName;
import org.stateferry.storage.FileFailures;
import org.stateferry.storage.FileNames;
import org.stateferry.storage.ImageRights;

/**
 * A file that appears under its name only when it is complete and on stable storage. Until then it lies beside it under a
 * {@link PartName} that nobody but this user may read, and is locked, so that two exports do not fill the same one. In the end
 * nobody may do more with it than with the image that it was made of.
 *
 * <p>Blocks of zeros are not written, and become holes where the file system has them.
 */
final class OutputFile implements ExportTarget {
    private static final int PRIVATE = 0600;
    private static final int HOLE_SIZE = 4096;
    /** Bytes after which the disk is told to begin, so that the force in the end does not have everything left to do. */
    private static final long WRITE_BACK_STEP = 32L << 20;

    private final Path path;
    private final Path part;
    private final FileStatus image;
    private final boolean replaces;
    private final LinuxFile file;
    private final FileChannel channel;
    private long sinceWriteBack;
    private boolean complete;

    private OutputFile(Path path, Path part, FileStatus image, boolean replaces, LinuxFile file, FileChannel channel) {
        this.path = path;
        this.part = part;
        this.image = image;
        this.replaces = replaces;
        this.file = file;
        this.channel = channel;
    }

    /**
     * Begins a file.
     *
     * @param wanted where it is to be in the end
     * @param image what it is made of
     * @param replaces whether a file that is there is replaced when the new one is complete
     * @throws StateferryException with kind CONFLICT if there is something that is not to be replaced
     */
    static OutputFile create(Path wanted, FileStatus image, boolean replaces) throws StateferryException {
        Path path = realPath(wanted);
        requireReplaceable(path, image, replaces);
        Path part = PartName.of(path);
        try {
            removeLeftOver(part);
            LinuxFile file = LinuxFile.create(part, PRIVATE);
            try {
                if (file.locks().arePossible() && !file.locks().tryLock(0, 1, false)) {
                    throw anotherExport(part);
                }
                FileChannel channel = file.channel(StandardOpenOption.WRITE);
                return new OutputFile(path, part, image, replaces, file, channel);
            } catch (IOException | RuntimeException e) {
                file.close();
                Files.deleteIfExists(part);
                throw e;
            }
        } catch (FileAlreadyExistsException e) {
            throw anotherExport(part);
        } catch (IOException e) {
            throw FileFailures.translate(e, part, StateferryException.NO_OFFSET, "making the file");
        }
    }

    private static Path realPath(Path wanted) throws StateferryException {
        Path absolute = wanted.toAbsolutePath().normalize();
        Path folder = absolute.getParent();
        if (folder == null || absolute.getFileName() == null) {
            throw conflict(wanted, "it is a folder").advise("Give the name of a file.");
        }
        try {
            return folder.toRealPath().resolve(absolute.getFileName());
        } catch (NoSuchFileException e) {
            throw conflict(folder, "there is no such folder").advise("Make it first.");
        } catch (IOException e) {
            throw FileFailures.translate(e, folder, StateferryException.NO_OFFSET, "looking for the folder");
        }
    }

    private static void requireReplaceable(Path path, FileStatus image, boolean replaces) throws StateferryException {
        FileStatus found;
        try {
            found = FileStatus.of(path, LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException e) {
            return;
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "looking at the file");
        }
        if (found.key().equals(image.key())) {
            throw conflict(path, "it is the image itself").advise("Choose another file.");
        }
        if (!found.isRegular()) {
            throw conflict(path, "it is " + found.type().words() + ", and only a regular file can be replaced")
                    .advise("Choose another name, or give - and lead standard output there.");
        }
        if (!replaces) {
            throw conflict(path, "the file exists").advise("Choose another name, or add --force to replace it.");
        }
    }

    /** Another export was killed here. What has the name is only taken away if this user has made it. */
    private static void removeLeftOver(Path part) throws IOException {
        try (LinuxFile found = LinuxFile.locate(part, Links.STAY)) {
            String objection = PartName.objection(found.status());
            if (objection != null) {
                throw conflict(part, "what has the name under which the file is to be made is not ours: " + objection)
                        .advise("Look at it and remove it; better, export into a folder that only you may write to.");
            }
            try (LinuxFile opened = found.reopen(LinuxFile.Access.WRITE)) {
                if (opened.locks().arePossible() && !opened.locks().tryLock(0, 1, false)) {
                    throw anotherExport(part);
                }
                Files.delete(part);
            }
        } catch (NoSuchFileException e) {
            // nothing is left over
        }
    }

    private static StateferryException anotherExport(Path part) {
        return conflict(part, "another export makes the same file")
                .advise("Wait for it to end, or choose another name.");
    }

    private static StateferryException conflict(Path path, String problem) {
        return StateferryException.in(FailureKind.CONFLICT, path, problem);
    }

    @Override
    public boolean takesHoles() {
        return true;
    }

    @Override
    public void write(ByteBuffer bytes, long position) throws StateferryException {
        long start = position - bytes.position();
        int end = bytes.limit();
        while (bytes.position() < end) {
            int from = bytes.position();
            boolean zero = isZero(bytes, from, end);
            int to = blockEnd(from, end);
            while (to < end && isZero(bytes, to, end) == zero) {
                to = blockEnd(to, end);
            }
            if (zero) {
                bytes.position(to);
            } else {
                writeFully(bytes.limit(to), start);
                bytes.limit(end);
            }
        }
    }

    private static boolean isZero(ByteBuffer bytes, int from, int end) {
        return ZeroBytes.isZero(bytes, from, blockEnd(from, end) - from);
    }

    private static int blockEnd(int from, int end) {
        return Math.min(end, from + HOLE_SIZE);
    }

    /** @param start where the buffer's index 0 lies in the file */
    private void writeFully(ByteBuffer bytes, long start) throws StateferryException {
        long at = start + bytes.position();
        int size = bytes.remaining();
        try {
            while (bytes.hasRemaining()) {
                channel.write(bytes, start + bytes.position());
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, part, at, "write of " + size + " bytes");
        }
        sinceWriteBack += size;
        if (sinceWriteBack >= WRITE_BACK_STEP) {
            sinceWriteBack = 0;
            file.startWriteBack();
        }
    }

    @Override
    public void complete(long length) throws StateferryException {
        try {
            if (channel.size() < length) {
                channel.write(ByteBuffer.allocate(1), length - 1); // it ends with a hole
            }
            channel.force(true);
            file.setPermissions(ImageRights.OF_DUMP.modeFor(image, file.status().group()));
            takeName();
            complete = true;
            // Barrier: after a power cut the file must have its name.
            FileNames.SYSTEM.force(Objects.requireNonNull(path.getParent(), "a file has a folder"));
        } catch (FileAlreadyExistsException e) {
            throw conflict(path, "another program has made a file of this name meanwhile")
                    .advise("Choose another name, or add --force to replace it.");
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "completing the file");
        }
    }

    private void takeName() throws IOException {
        if (replaces) {
            Files.move(part, path, StandardCopyOption.ATOMIC_MOVE);
            return;
        }
        try {
            FileNames.SYSTEM.link(part, path);
            FileNames.SYSTEM.delete(part);
        } catch (FileAlreadyExistsException e) {
            throw e;
        } catch (UnsupportedOperationException | IOException e) {
            FileNames.SYSTEM.move(part, path);
        }
    }

    @Override
    public void close() throws StateferryException {
        try (file;
                channel) {
            if (!complete) {
                Files.deleteIfExists(part);
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, part, StateferryException.NO_OFFSET, "removing the unfinished file");
        }
    }
}

package org.stateferry.exporter;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
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
 * <p>What an earlier attempt at the same export has left is taken over as far as a {@link PartProof} proves it: each piece is read
 * back and compared with its checksum, and what lies between pieces must be zeros. The first piece that is not as it was, and all
 * behind it, is written again. What another export has left is removed.
 *
 * <p>Blocks of zeros are not written, and become holes where the file system has them.
 */
final class OutputFile implements ExportTarget {
    private static final int PRIVATE = 0600;
    private static final int HOLE_SIZE = 4096;
    /** Bytes after which the disk is told to begin, so that the force in the end does not have everything left to do. */
    private static final long WRITE_BACK_STEP = 32L << 20;

    private final Wanted wanted;
    /** Where the file lies: its part's name, or its own if an earlier attempt was killed after it had got that. */
    private final Path part;

    private final LinuxFile file;
    private final FileChannel channel;
    private final PartProof proof;
    private final PartProof.@Nullable Piece provenEnd;
    private long sinceWriteBack;
    private boolean worthKeeping;
    private boolean kept;
    private boolean complete;

    /**
     * What is to be made.
     *
     * @param path the real path of its folder, and its name
     * @param image what it is made of
     * @param replaces whether a file that is there is replaced when the new one is complete
     * @param identity what is exported: two exports with the same one write the same bytes
     * @param headSize how many bytes stand before the state
     */
    private record Wanted(Path path, FileStatus image, boolean replaces, byte[] identity, int headSize) {}

    private OutputFile(
            Wanted wanted,
            Path part,
            LinuxFile file,
            FileChannel channel,
            PartProof proof,
            PartProof.@Nullable Piece provenEnd) {
        this.wanted = wanted;
        this.part = part;
        this.file = file;
        this.channel = channel;
        this.proof = proof;
        this.provenEnd = provenEnd;
        this.worthKeeping = provenEnd != null;
    }

    /**
     * Begins a file, or goes on with one.
     *
     * @param out where it is to be in the end
     * @param image what it is made of
     * @param replaces whether a file that is there is replaced when the new one is complete
     * @param identity what is exported: two exports with the same one write the same bytes
     * @param headSize how many bytes stand before the state
     * @throws StateferryException with kind CONFLICT if there is something that is not to be replaced
     */
    static OutputFile create(Path out, FileStatus image, boolean replaces, byte[] identity, int headSize)
            throws StateferryException {
        Wanted wanted = new Wanted(realPath(out), image, replaces, identity, headSize);
        Path part = PartName.of(wanted.path());
        Path proofPath = PartProof.pathFor(wanted.path());
        try {
            PartProof proof = PartProof.find(proofPath, identity);
            OutputFile found = proof == null ? null : adopted(wanted, part, proof);
            if (found != null) {
                return found;
            }
            requireReplaceable(wanted);
            removeLeftOver(part);
            removeLeftOver(proofPath);
            return begun(wanted, part, proofPath);
        } catch (FileAlreadyExistsException e) {
            throw anotherExport(part);
        } catch (IOException e) {
            throw FileFailures.translate(e, part, StateferryException.NO_OFFSET, "making the file");
        }
    }

    /**
     * Writes a small file as a whole; one that is there is replaced.
     *
     * @param image what it is made of
     */
    static void replace(Path out, FileStatus image, byte[] content) throws StateferryException {
        try (OutputFile file = create(out, image, true, ExportIdentity.of(content), 0)) {
            file.write(new ExportPiece(0, content.length, ByteBuffer.wrap(content)), 0);
            file.complete(content.length);
        }
    }

    private static OutputFile begun(Wanted wanted, Path part, Path proofPath) throws IOException {
        LinuxFile file = LinuxFile.create(part, PRIVATE);
        try {
            requireLock(file, part);
            if (!isAt(part, file.key())) { // it was taken for a left-over one before it was locked
                throw anotherExport(part);
            }
            FileChannel channel = file.channel(StandardOpenOption.READ, StandardOpenOption.WRITE);
            PartProof proof = PartProof.create(proofPath, wanted.identity(), file.key());
            return new OutputFile(wanted, part, file, channel, proof, null);
        } catch (IOException | RuntimeException e) {
            try (file) {
                if (isAt(part, file.key())) {
                    Files.deleteIfExists(part);
                }
            }
            throw e;
        }
    }

    private static void requireLock(LinuxFile file, Path part) throws IOException {
        if (file.locks().arePossible() && !file.locks().tryLock(0, 1, false)) {
            throw anotherExport(part);
        }
    }

    /** What an earlier attempt at the same export has left; null if there is nothing that its proof speaks of. */
    private static @Nullable OutputFile adopted(Wanted wanted, Path part, PartProof proof) throws IOException {
        OutputFile adopted = null;
        try {
            boolean named = isAt(wanted.path(), proof.partKey());
            if (!named) {
                requireReplaceable(wanted);
            }
            adopted = adopted(wanted, named ? wanted.path() : part, named, proof);
            return adopted;
        } catch (NoSuchFileException e) {
            return null;
        } finally {
            if (adopted == null) {
                proof.close();
            }
        }
    }

    private static boolean isAt(Path path, String key) throws IOException {
        try {
            return FileStatus.of(path, LinkOption.NOFOLLOW_LINKS).key().equals(key);
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    /** @param named whether the file has its name already, and so must be whole */
    private static @Nullable OutputFile adopted(Wanted wanted, Path place, boolean named, PartProof proof)
            throws IOException {
        try (LinuxFile found = LinuxFile.locate(place, Links.STAY)) {
            FileStatus status = found.status();
            if (!status.key().equals(proof.partKey())
                    || PartName.objection(status) != null
                    || (status.links() != 1 && !named)) {
                return null;
            }
            LinuxFile file = found.reopen(LinuxFile.Access.WRITE);
            OutputFile adopted = null;
            try {
                requireLock(file, place);
                FileChannel channel = file.channel(StandardOpenOption.READ, StandardOpenOption.WRITE);
                PartReading reading = new PartReading(file, channel, wanted.headSize());
                PartProof.Piece end = reading.provenEnd(proof);
                if (!named || proof.isAtEnd()) {
                    if (!named) {
                        proof.cut();
                        channel.truncate(end == null ? 0 : end.end());
                    }
                    adopted = new OutputFile(wanted, place, file, channel, proof, end);
                }
                return adopted;
            } finally {
                if (adopted == null) {
                    file.close();
                }
            }
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

    private static void requireReplaceable(Wanted wanted) throws StateferryException {
        Path path = wanted.path();
        FileStatus found;
        try {
            found = FileStatus.of(path, LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException e) {
            return;
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "looking at the file");
        }
        if (found.key().equals(wanted.image().key())) {
            throw conflict(path, "it is the image itself").advise("Choose another file.");
        }
        if (!found.isRegular()) {
            throw conflict(path, "it is " + found.type().words() + ", and only a regular file can be replaced")
                    .advise("Choose another name, or give - and lead standard output there.");
        }
        if (!wanted.replaces()) {
            throw conflict(path, "the file exists").advise("Choose another name, or add --force to replace it.");
        }
    }

    /** Another export was killed here. What has the name is only taken away if this user has made it. */
    private static void removeLeftOver(Path part) throws IOException {
        try (LinuxFile found = LinuxFile.locate(part, Links.STAY)) {
            String objection = PartName.objection(found.status());
            if (objection != null) {
                throw conflict(part, "the file under the name for the unfinished part is not ours: " + objection)
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
    public Progress begin(ByteBuffer head) throws StateferryException {
        writeFully(head, -head.position());
        return provenEnd == null
                ? new Progress(0, wanted.headSize())
                : new Progress(provenEnd.offsetEnd(), provenEnd.end());
    }

    @Override
    public void write(ExportPiece piece, long position) throws StateferryException {
        ByteBuffer bytes = piece.bytes();
        int length = bytes.remaining();
        CRC32C checksum = new CRC32C();
        checksum.update(bytes.duplicate());
        writeWithoutZeros(bytes, position);
        try {
            proof.add(new PartProof.Piece(piece.offset(), piece.size(), position, length, (int) checksum.getValue()));
        } catch (IOException e) {
            throw FileFailures.translate(e, part, position, "noting what was written");
        }
        worthKeeping = true;
    }

    private void writeWithoutZeros(ByteBuffer bytes, long position) throws StateferryException {
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
        Path path = wanted.path();
        try {
            if (channel.size() < length) {
                channel.write(ByteBuffer.allocate(1), length - 1); // it ends with a hole
            }
            channel.force(true);
            file.setPermissions(
                    ImageRights.OF_DUMP.modeFor(wanted.image(), file.status().group()));
            takeName();
            complete = true;
            // Barrier: after a power cut the file must have its name.
            FileNames.SYSTEM.force(Objects.requireNonNull(path.getParent(), "a file has a folder"));
            proof.delete();
        } catch (FileAlreadyExistsException e) {
            throw conflict(path, "another program has made a file of this name meanwhile")
                    .advise("Choose another name, or add --force to replace it.");
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "completing the file");
        }
    }

    private void takeName() throws IOException {
        Path path = wanted.path();
        if (part.equals(path)) {
            Path otherName = PartName.of(path);
            if (isAt(otherName, file.key())) {
                FileNames.SYSTEM.delete(otherName);
            }
            return;
        }
        if (!isAt(part, file.key())) {
            throw new FileSystemException(part.toString(), null, "another program has put another file in its place");
        }
        if (wanted.replaces()) {
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
    public @Nullable Path keep() {
        kept = worthKeeping && !part.equals(wanted.path());
        return kept ? part : null;
    }

    @Override
    public void close() throws StateferryException {
        try (file;
                channel;
                proof) {
            if (!complete && !kept && !part.equals(wanted.path())) {
                if (isAt(part, file.key())) {
                    Files.deleteIfExists(part);
                }
                proof.delete();
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, part, StateferryException.NO_OFFSET, "removing the unfinished file");
        }
    }
}

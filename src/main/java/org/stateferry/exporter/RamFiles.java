package org.stateferry.exporter;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile;
import org.stateferry.importer.image.PartName;
import org.stateferry.qcow2.Cancellation;
import org.stateferry.storage.FileFailures;
import org.stateferry.storage.FileNames;
import org.stateferry.stream.RamBlock;
import org.stateferry.stream.inspection.RamContent;

/**
 * A new folder with a file for each block of a guest's RAM, which holds what the block holds. The folder appears under its name only
 * when all is in it and on stable storage; until then it lies beside that under a {@link PartName}. Nobody but this user may enter it:
 * a guest's memory has its passwords and keys. What is zero takes no room where the file system has holes.
 *
 * <p>Memory is 1 MiB and 100 bytes for each block. Not thread-safe.
 */
public final class RamFiles implements RamContent, AutoCloseable {
    private static final String FOLDER_MODE = "rwx------";
    private static final int FILE_MODE = 0600;
    /** What is written one behind the other goes to the disk in pieces of so many bytes. */
    private static final int PIECE_SIZE = 1024 * 1024;
    /** Longer names of files are cut; Linux has 255 bytes at most. */
    private static final int NAME_SIZE_MAX = 200;

    private static final String KEPT = "._@:+-";

    private final Path folder;
    private final Path part;
    private final Cancellation cancellation;
    private final List<Block> blocks = new ArrayList<>();
    /** What is to be written next, all of one block, from {@link #pieceOffset} on. */
    private final ByteBuffer piece = ByteBuffer.allocateDirect(PIECE_SIZE);

    private int pieceBlock;
    private long pieceOffset;
    private int openBlock = -1;
    private @Nullable LinuxFile openFile;
    private @Nullable FileChannel open;
    private boolean complete;

    /**
     * A file of a block.
     *
     * @param block the block
     * @param file the file's name in the folder
     */
    public record RamFile(RamBlock block, String file) {}

    private static final class Block {
        final RamFile file;
        /** Up to where something was written, in bytes; behind it all is zero. */
        long written;

        boolean made;

        Block(RamFile file) {
            this.file = file;
        }
    }

    private RamFiles(Path folder, Path part, Cancellation cancellation) {
        this.folder = folder;
        this.part = part;
        this.cancellation = cancellation;
    }

    /**
     * Begins a folder.
     *
     * @param cancellation asked before each piece is written
     * @throws StateferryException of kind CONFLICT if something has its name
     */
    public static RamFiles create(Path wanted, Cancellation cancellation) throws StateferryException {
        Path absolute = wanted.toAbsolutePath().normalize();
        Path parent = absolute.getParent();
        if (parent == null || absolute.getFileName() == null || Files.exists(absolute, LinkOption.NOFOLLOW_LINKS)) {
            throw exists(absolute);
        }
        Path part = null;
        try {
            Path folder = parent.toRealPath().resolve(absolute.getFileName());
            part = PartName.of(folder);
            Files.createDirectory(
                    part, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(FOLDER_MODE)));
            return new RamFiles(folder, part, cancellation);
        } catch (FileAlreadyExistsException e) {
            throw conflict(
                            Objects.requireNonNull(part),
                            "another command makes the same folder, or was killed while it did")
                    .advise("If none does, remove this folder; or choose another name.");
        } catch (NoSuchFileException e) {
            throw conflict(parent, "there is no such folder").advise("Make it first.");
        } catch (IOException e) {
            throw FileFailures.translate(e, absolute, StateferryException.NO_OFFSET, "making the folder");
        }
    }

    private static StateferryException conflict(Path path, String problem) {
        return StateferryException.in(FailureKind.CONFLICT, path, problem);
    }

    private static StateferryException exists(Path folder) {
        return conflict(folder, "it exists, and RAM goes into a new folder only")
                .advise("Choose another name.");
    }

    /** The folder that is made. */
    public Path folder() {
        return folder;
    }

    @Override
    public void begin(List<RamBlock> listed) {
        Set<String> names = new HashSet<>();
        for (RamBlock block : listed) {
            String name = fileName(block.name());
            if (name.length() > NAME_SIZE_MAX || !names.add(name)) {
                name = name.substring(0, Math.min(name.length(), NAME_SIZE_MAX)) + "%" + blocks.size();
                names.add(name);
            }
            blocks.add(new Block(new RamFile(block, name)));
        }
    }

    /** A name of a file for a block: what is neither a letter nor a digit nor one of a few others is written as in a URL. */
    static String fileName(String block) {
        StringBuilder name = new StringBuilder();
        for (byte next : block.getBytes(StandardCharsets.UTF_8)) {
            char letter = (char) Byte.toUnsignedInt(next);
            boolean alphanumeric =
                    letter >= '0' && letter <= '9' || letter >= 'A' && letter <= 'Z' || letter >= 'a' && letter <= 'z';
            if (alphanumeric || KEPT.indexOf(letter) >= (name.isEmpty() ? 1 : 0)) {
                name.append(letter);
            } else {
                name.append(String.format("%%%02X", (int) letter));
            }
        }
        return name.toString();
    }

    @Override
    public void write(int block, long offset, ByteBuffer bytes) throws StateferryException {
        int size = bytes.remaining();
        if (ZeroBytes.isZero(bytes, bytes.position(), size)) {
            zero(block, offset, size);
            return;
        }
        add(block, offset, bytes);
    }

    @Override
    public void zero(int block, long offset, int size) throws StateferryException {
        if (offset >= blocks.get(block).written) {
            return;
        }
        writePiece();
        ByteBuffer there = ByteBuffer.allocate((int) Math.min(size, blocks.get(block).written - offset));
        try {
            FileChannel channel = channel(block);
            while (there.hasRemaining() && channel.read(there, offset + there.position()) >= 0) {
                // a read may give less than was asked for
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, path(block), offset, "reading back");
        }
        int end = there.position();
        if (!ZeroBytes.isZero(there.flip(), 0, end)) {
            add(block, offset, ByteBuffer.allocate(end));
        }
    }

    private void add(int block, long offset, ByteBuffer bytes) throws StateferryException {
        if (block != pieceBlock || offset != pieceOffset + piece.position()) {
            writePiece();
            pieceBlock = block;
            pieceOffset = offset;
        }
        Block target = blocks.get(block);
        while (bytes.hasRemaining()) {
            int count = Math.min(bytes.remaining(), piece.remaining());
            piece.put(bytes.slice(bytes.position(), count));
            bytes.position(bytes.position() + count);
            target.written = Math.max(target.written, pieceOffset + piece.position());
            if (!piece.hasRemaining()) {
                writePiece();
            }
        }
    }

    /** Writes what was gathered; more may follow behind it. */
    private void writePiece() throws StateferryException {
        int size = piece.position();
        if (size == 0) {
            return;
        }
        cancellation.check();
        piece.flip();
        try {
            FileChannel channel = channel(pieceBlock);
            while (piece.hasRemaining()) {
                channel.write(piece, pieceOffset + piece.position());
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, path(pieceBlock), pieceOffset, "write of " + size + " bytes");
        }
        pieceOffset += size;
        piece.clear();
    }

    private Path path(int block) {
        return part.resolve(blocks.get(block).file.file());
    }

    /** One file is open at a time: there may be more blocks than files that a process may open. */
    private FileChannel channel(int block) throws IOException {
        FileChannel channel = open;
        if (channel == null || openBlock != block) {
            closeOpen();
            LinuxFile file = file(block);
            openFile = file;
            channel = file.channel(StandardOpenOption.READ, StandardOpenOption.WRITE);
            open = channel;
            openBlock = block;
        }
        return channel;
    }

    private LinuxFile file(int block) throws IOException {
        Block target = blocks.get(block);
        if (!target.made) {
            target.made = true;
            return LinuxFile.create(path(block), FILE_MODE);
        }
        try (LinuxFile found = LinuxFile.locateRegular(path(block), LinuxFile.Links.STAY)) {
            return found.reopen(LinuxFile.Access.WRITE);
        }
    }

    private void closeOpen() throws IOException {
        LinuxFile file = openFile;
        FileChannel channel = open;
        openFile = null;
        open = null;
        try (file;
                channel) {
            // in the order opposite to that of their opening
        }
    }

    /**
     * Makes the folder appear, on stable storage. All of RAM was taken.
     *
     * @return its files, in the order of the blocks
     */
    public List<RamFile> complete() throws StateferryException {
        writePiece();
        try {
            for (int block = 0; block < blocks.size(); block++) {
                long size = blocks.get(block).file.block().usedLength();
                FileChannel channel = channel(block);
                if (channel.size() < size) {
                    channel.write(ByteBuffer.allocate(1), size - 1); // it ends with a hole
                }
                channel.force(true);
            }
            closeOpen();
            FileNames.SYSTEM.force(part);
            if (Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) { // an empty one would be replaced
                throw exists(folder);
            }
            Files.move(part, folder, StandardCopyOption.ATOMIC_MOVE);
            complete = true;
            // Barrier: after a power cut the folder must have its name.
            FileNames.SYSTEM.force(Objects.requireNonNull(folder.getParent(), "it has one"));
        } catch (IOException e) {
            throw FileFailures.translate(e, folder, StateferryException.NO_OFFSET, "completing the folder");
        }
        return blocks.stream().map(block -> block.file).toList();
    }

    /** Removes what is not complete. */
    @Override
    public void close() throws StateferryException {
        try {
            closeOpen();
            if (!complete) {
                try (DirectoryStream<Path> files = Files.newDirectoryStream(part)) {
                    for (Path file : files) {
                        Files.delete(file);
                    }
                }
                Files.delete(part);
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, part, StateferryException.NO_OFFSET, "removing the unfinished folder");
        }
    }
}

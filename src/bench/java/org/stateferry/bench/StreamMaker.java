package org.stateferry.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.TickerDump;

/**
 * Makes migration streams of a wanted size. Where QEMU is installed it writes them itself: a machine that never runs
 * gets a file for its memory which was filled before, so that no guest system is needed. Elsewhere the demonstration
 * dump is made longer; Stateferry takes both for what they are.
 */
final class StreamMaker {
    private static final int MIB = 1 << 20;
    /** Left alone: firmware and option ROMs lie there. */
    private static final int LOW_MEBIBYTES = 16;

    private static final long SEED = 20200709;

    private final Path folder;
    private final Path demo;

    /**
     * @param folder gets the streams, on the file system that is measured
     * @param demo the folder of the demonstration files
     */
    StreamMaker(Path folder, Path demo) {
        this.folder = folder;
        this.demo = demo;
    }

    /**
     * What a machine's memory holds.
     *
     * @param name what it is like
     * @param text what it consists of
     * @param stride of how many MiB one is filled, and the others zero
     * @param filler fills one block after the other
     */
    private record Content(String name, String text, int stride, Consumer<byte[]> filler) {}

    /** A stream of random pages. */
    BenchStream incompressible(int mebibytes) throws IOException {
        return make(new Content("incompressible", "random pages", 1, random()), mebibytes);
    }

    /** A stream as long, of a machine with twice the memory, of which every other MiB is zero. */
    BenchStream halfZero(int mebibytes) throws IOException {
        return make(new Content("half-zero", "random pages and zeros", 2, random()), mebibytes);
    }

    /** A stream that is as compressible as programs are: the classes of the JDK that runs this. */
    BenchStream compressible(int mebibytes) throws IOException {
        return make(new Content("compressible", "the JDK's lib/modules, repeated,", 1, programs()), mebibytes);
    }

    private static Consumer<byte[]> random() {
        return new SplittableRandom(SEED)::nextBytes;
    }

    /** The file is longer than what any compressor measured here looks back, so its repetition helps none of them. */
    private static Consumer<byte[]> programs() throws IOException {
        Path modules = Path.of(System.getProperty("java.home"), "lib", "modules");
        try (FileChannel file = FileChannel.open(modules)) {
            ByteBuffer content = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size());
            return block -> fill(block, content);
        }
    }

    private static void fill(byte[] block, ByteBuffer repeated) {
        int filled = 0;
        while (filled < block.length) {
            if (!repeated.hasRemaining()) {
                repeated.rewind();
            }
            int size = Math.min(repeated.remaining(), block.length - filled);
            repeated.get(block, filled, size);
            filled += size;
        }
    }

    private BenchStream make(Content content, int mebibytes) throws IOException {
        Path dump = folder.resolve(content.name() + ".vmstate");
        if (!QemuTools.isOnPath("qemu-system-x86_64")) {
            Path ticker = demo.resolve("ticker.vmstate");
            TickerDump.inflated(ticker, dump, mebibytes, content.filler(), content.stride() == 2);
            return stream(content, "in the demonstration dump", dump, List.of());
        }
        Path memory = folder.resolve(content.name() + ".ram");
        int memoryMebibytes = LOW_MEBIBYTES + mebibytes * content.stride();
        try {
            fill(memory, memoryMebibytes, content);
            dump(memory, memoryMebibytes, dump);
        } finally {
            Files.deleteIfExists(memory);
        }
        return stream(content, "written by QEMU", dump, machine(memoryMebibytes));
    }

    private static BenchStream stream(Content content, String maker, Path dump, List<String> machine)
            throws IOException {
        return new BenchStream(content.name(), content.text() + " " + maker, dump, Files.size(dump), machine);
    }

    private static List<String> machine(int memoryMebibytes) {
        return List.of("-machine", "pc", "-m", memoryMebibytes + "M", "-S");
    }

    private static void fill(Path memory, int mebibytes, Content content) throws IOException {
        byte[] block = new byte[MIB];
        try (FileChannel file = FileChannel.open(memory, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            for (long i = LOW_MEBIBYTES; i < mebibytes; i += content.stride()) {
                content.filler().accept(block);
                ByteBuffer unwritten = ByteBuffer.wrap(block);
                while (unwritten.hasRemaining()) {
                    file.write(unwritten, i * MIB + unwritten.position());
                }
            }
            // QEMU takes no file that is shorter than the memory.
            file.write(ByteBuffer.allocate(1), (long) mebibytes * MIB - 1);
        }
    }

    private void dump(Path memory, int mebibytes, Path dump) throws IOException {
        Path disk = Files.copy(demo.resolve("ticker.qcow2"), folder.resolve("stream.qcow2"));
        List<String> arguments = new ArrayList<>(machine(mebibytes));
        // The name that the memory has without a file of its own, so that a machine without one loads the stream.
        arguments.addAll(List.of("-machine", "memory-backend=pc.ram", "-object"));
        arguments.add("memory-backend-file,id=pc.ram,share=on,size=" + mebibytes + "M,mem-path=" + memory);
        arguments.addAll(List.of("-drive", "if=ide,format=qcow2,file=" + disk));
        try (QemuVm vm = QemuVm.start(folder, arguments)) {
            vm.liftMigrationRateLimit();
            vm.migrateTo(dump);
            vm.quit();
        } finally {
            Files.delete(disk);
        }
    }
}

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

    /** A stream of random pages. */
    BenchStream incompressible(int mebibytes) throws IOException {
        return make("incompressible", mebibytes, 1);
    }

    /** A stream as long, of a machine with twice the memory, of which every other MiB is zero. */
    BenchStream halfZero(int mebibytes) throws IOException {
        return make("half-zero", mebibytes, 2);
    }

    /** Fills one MiB of memory in every {@code stride}. */
    private BenchStream make(String name, int mebibytes, int stride) throws IOException {
        Path dump = folder.resolve(name + ".vmstate");
        if (!QemuTools.isOnPath("qemu-system-x86_64")) {
            TickerDump.inflated(demo.resolve("ticker.vmstate"), dump, mebibytes, SEED, stride == 2);
            return new BenchStream(name, "generated", dump, Files.size(dump), List.of());
        }
        Path memory = folder.resolve(name + ".ram");
        int memoryMebibytes = LOW_MEBIBYTES + mebibytes * stride;
        try {
            fill(memory, memoryMebibytes, stride);
            dump(memory, memoryMebibytes, dump);
        } finally {
            Files.deleteIfExists(memory);
        }
        return new BenchStream(name, "made by QEMU", dump, Files.size(dump), machine(memoryMebibytes));
    }

    private static List<String> machine(int memoryMebibytes) {
        return List.of("-machine", "pc", "-m", memoryMebibytes + "M", "-S");
    }

    private static void fill(Path memory, int mebibytes, int stride) throws IOException {
        SplittableRandom random = new SplittableRandom(SEED);
        byte[] block = new byte[MIB];
        try (FileChannel file = FileChannel.open(memory, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            for (long i = LOW_MEBIBYTES; i < mebibytes; i += stride) {
                random.nextBytes(block);
                ByteBuffer content = ByteBuffer.wrap(block);
                while (content.hasRemaining()) {
                    file.write(content, i * MIB + content.position());
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

package org.stateferry.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.stateferry.testing.QemuVm;

/** What users do without Stateferry: start a QEMU that takes the dump in, and let it make the snapshot. */
final class SavevmContender implements Contender {
    static final String WRITEBACK = "cache=writeback";
    static final String NONE = "cache=none,aio=native";

    private final String cache;
    private final Path demo;

    SavevmContender(String cache, Path demo) {
        this.cache = cache;
        this.demo = demo;
    }

    static String total(String cache) {
        return "-incoming + savevm, " + cache;
    }

    @Override
    public String description() {
        return "qemu-system-x86_64 -accel tcg -incoming 'exec:cat DUMP' with a qcow2 disk, " + cache
                + "; savevm, which flushes; quit";
    }

    @Override
    public Optional<String> obstacle(BenchStream stream) {
        return stream.machine().isEmpty() ? Optional.of("QEMU is not installed") : Optional.empty();
    }

    @Override
    public List<Timing> run(BenchStream stream, Path folder) throws IOException {
        Path disk = Files.copy(demo.resolve("ticker.qcow2"), folder.resolve("disk.qcow2"));
        List<String> arguments = new ArrayList<>(stream.machine());
        arguments.addAll(List.of("-drive", "if=ide,format=qcow2,file=" + disk + "," + cache));
        arguments.addAll(List.of("-incoming", "exec:cat '" + stream.path() + "'"));
        long start = System.nanoTime();
        double loaded;
        double saved;
        try (QemuVm vm = QemuVm.start(folder, arguments)) {
            vm.awaitIncoming();
            loaded = Commands.secondsSince(start);
            vm.savevm("bench");
            saved = Commands.secondsSince(start) - loaded;
            vm.quit();
        }
        double total = Commands.secondsSince(start);
        return List.of(
                new Timing(total(cache), total),
                new Timing("  of this, start and load (" + cache + ")", loaded),
                new Timing("  of this, savevm (" + cache + ")", saved));
    }
}

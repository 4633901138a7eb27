package org.stateferry.bench;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.stateferry.testing.QemuTools;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What the disk gives when nothing is in its way: sequential direct writes of 1 MiB, eight in flight. */
final class FioContender implements Contender {
    static final String ROW = "fio, the disk's limit";

    private static final JsonMapper JSON = JsonMapper.builder().build();

    @Override
    public String description() {
        return "fio: as many bytes in direct writes of 1 MiB, 8 in flight (libaio), fsync at the end; without its start";
    }

    @Override
    public Optional<String> obstacle(BenchStream stream) {
        return QemuTools.isOnPath("fio") ? Optional.empty() : Optional.of("fio is not installed");
    }

    @Override
    public List<Timing> run(BenchStream stream, Path folder) {
        long mebibytes = (stream.size() + (1 << 20) - 1) >> 20;
        Commands.Timed timed = Commands.run(
                "fio",
                "--name=limit",
                "--filename=" + folder.resolve("target"),
                "--size=" + mebibytes + "m",
                "--rw=write",
                "--bs=1m",
                "--direct=1",
                "--ioengine=libaio",
                "--iodepth=8",
                "--end_fsync=1",
                "--output-format=json");
        JsonNode write = JSON.readTree(timed.result().stdout()).at("/jobs/0/write");
        return List.of(new Timing(ROW, write.path("runtime").asLong() / 1e3));
    }
}

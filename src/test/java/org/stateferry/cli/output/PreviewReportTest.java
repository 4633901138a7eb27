package org.stateferry.cli.output;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportPreview;
import org.stateferry.importer.ImportRequest;
import org.stateferry.qcow2.NewImage;

/** What a dry run says of an image that the import makes. */
class PreviewReportTest {
    private static String line(boolean lacksName, long growth, Path... otherDisks) {
        ImportRequest request = new ImportRequest(
                Path.of("vm.dump"),
                Path.of("new.qcow2"),
                "before",
                List.of(otherDisks),
                new NewImage(0, 65536),
                ImportOptions.DEFAULTS);
        return PreviewReport.line(
                request,
                new ImportPreview(false, lacksName, OptionalLong.of(3 << 20), growth, 1L << 30, null, List.of()));
    }

    @Test
    void theOtherDisksThatGrowAreNamedWithIt() {
        assertThat(line(false, 4 << 20, Path.of("a.qcow2"), Path.of("b.qcow2")))
                .isEqualTo("would make new.qcow2 with a disk of 0 B and import 3.0 MiB as 'before' into it and 2 other"
                        + " disks, 4.0 MiB in all at most; 1.0 GiB are free");
    }

    @Test
    void anImageThatIsCompleteButForItsNameIsNotThereYet() {
        assertThat(line(true, 0)).isEqualTo("would give new.qcow2 its name, which is all that it lacks");
        assertThat(line(true, 4 << 20, Path.of("a.qcow2")))
                .isEqualTo(
                        "would give new.qcow2 its name, which is all that it lacks; its other disks grow by 4.0 MiB at"
                                + " most");
    }
}

package org.stateferry.exporter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/** The domain that is put into the description of a snapshot comes from a file that anybody may have written. */
class LibvirtSnapshotXmlTest {
    private static final int TOO_DEEP = 70;

    @TempDir
    Path folder;

    @Test
    void elementsThatAreNestedDeeperThanAnyDomainsAreRefused() throws Exception {
        Path domain = Files.writeString(
                folder.resolve("domain.xml"),
                "<domain>" + "<a>".repeat(TOO_DEEP) + "</a>".repeat(TOO_DEEP) + "</domain>");

        StateferryException refusal = catchThrowableOfType(
                StateferryException.class, () -> LibvirtSnapshotXml.of(folder.resolve("out.xml"), domain));

        assertThat(refusal.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(refusal.file()).isEqualTo(domain);
    }
}

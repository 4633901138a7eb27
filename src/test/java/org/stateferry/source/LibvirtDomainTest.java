package org.stateferry.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.LibvirtSaveBuilder;

class LibvirtDomainTest {
    private static final long OFFSET = 92;

    @TempDir
    Path folder;

    private LibvirtDomain parse(String xml) throws StateferryException {
        return LibvirtDomain.parse(xml.getBytes(StandardCharsets.UTF_8), folder.resolve("vm.save"), OFFSET);
    }

    private StateferryException refusal(String xml) {
        return catchThrowableOfType(StateferryException.class, () -> parse(xml));
    }

    @Test
    void theMachineIsRead() throws Exception {
        assertThat(parse(LibvirtSaveBuilder.DOMAIN + "\0junk < behind"))
                .isEqualTo(new LibvirtDomain(
                        "guest & co", "bf6a7690-5871-4c7b-be1e-acc23519751c", "x86_64", "pc-q35-7.2", null));
    }

    @Test
    void elementsElsewhereAreNotTheDomains() throws Exception {
        assertThat(parse("<domain><metadata><name>other</name><os><type machine='x'/></os></metadata></domain>"))
                .isEqualTo(new LibvirtDomain(null, null, null, null, null));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "no XML",
                "<domain>",
                "<domain><name></domain>",
                "<domain><name>&undefined;</name></domain>",
                "<domain a='1' a='2'/>",
                "<!DOCTYPE domain [<!ENTITY a 'b'>]><domain><name>&a;</name></domain>"
            })
    void whatIsNoXmlOfADomainIsRefused(String xml) {
        StateferryException refusal = refusal(xml);

        assertThat(refusal.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(refusal.offset()).isBetween(OFFSET, OFFSET + xml.length());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "<!DOCTYPE domain SYSTEM 'file:%s'><domain/>",
                "<!DOCTYPE domain [<!ENTITY %% x SYSTEM 'file:%s'> %%x;]><domain/>",
                "<!DOCTYPE domain [<!ENTITY x SYSTEM 'file:%s'>]><domain><name>&x;</name></domain>"
            })
    void nothingThatTheXmlNamesIsOpened(String xml) throws Exception {
        Path secret = Files.writeString(folder.resolve("secret"), "<!ENTITY y 'told'>");

        StateferryException refusal = refusal(xml.formatted(secret));

        assertThat(refusal.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(refusal).hasMessageNotContaining("told");
    }

    @Test
    void theEmulatorIsReadAndDamageBehindTheMachineKeepsNothingElseFromBeingTold() throws Exception {
        String machine =
                "<domain><name>vm</name><os><type arch='riscv64' machine='virt'/></os><devices><disk><emulator>no"
                        + "</emulator></disk>";
        assertThat(parse(machine + "<emulator>/usr/bin/qemu</emulator> < damaged"))
                .isEqualTo(new LibvirtDomain("vm", null, "riscv64", "virt", "/usr/bin/qemu"));
        assertThat(parse(machine + "<emulator>/usr")).isEqualTo(new LibvirtDomain("vm", null, "riscv64", "virt", null));
        assertThat(parse(machine + " < damaged")).isEqualTo(new LibvirtDomain("vm", null, "riscv64", "virt", null));
    }

    @Test
    void textsInPiecesArePutTogether() throws Exception {
        assertThat(parse("<domain><name>a&lt;<![CDATA[b]]>&#99;</name></domain>")
                        .name())
                .isEqualTo("a<bc");
    }

    @ParameterizedTest
    @ValueSource(ints = {255, 256, 8_000_000})
    void textsLongerThanAnyDomainsAreCut(int length) throws Exception {
        String text = "x".repeat(length);
        String kept = length == 255 ? text : "x".repeat(255) + "\u2026";
        LibvirtDomain domain = parse("<domain><name>" + text + "</name><uuid>" + text + "</uuid><os><type arch='" + text
                + "' machine='" + text + "'/></os></domain>");
        assertThat(domain).isEqualTo(new LibvirtDomain(kept, kept, kept, kept, null));
    }

    @Test
    void elementsThatNestWithoutEndAreRefused() {
        assertThat(refusal("<domain>".repeat(500_000)).kind()).isEqualTo(FailureKind.DUMP_INVALID);
    }
}

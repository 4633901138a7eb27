package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.QemuImg;
import org.w3c.dom.Element;

/** What tells libvirt of a snapshot that was imported. */
class LibvirtXmlIT {
    private static final String DOMAIN = """
            <?xml version='1.0'?>
            <domain type='qemu'>
              <name>guest &amp; co</name>
              <devices>
                <disk type='file' device='disk'><source file='%s'/><target dev='vda'/></disk>
                <disk type='file'><source file='/elsewhere'/><target dev='vdb'/></disk>
                <disk type='file' device='cdrom'><target dev='hdc'/><readonly/></disk>
              </devices>
            </domain>
            """;

    @TempDir
    Path directory;

    private Element description(Path file) throws Exception {
        return DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new ByteArrayInputStream(Files.readAllBytes(file)))
                .getDocumentElement();
    }

    private static String text(Element element, String name) {
        return element.getElementsByTagName(name).item(0).getTextContent();
    }

    @Test
    void theDomainIsInItAndOfTheDisksTheOneThatHoldsTheSnapshot() throws Exception {
        Scene scene = Scene.in(directory);
        Path domain = Files.writeString(scene.path("domain.xml"), DOMAIN.formatted(scene.image()));
        Path out = scene.path("out.xml");
        String[] options = {"--libvirt-xml", out.toString(), "--libvirt-domain", domain.toString()};

        scene.importAs("a < b", options).requireSuccess();

        Element described = description(out);
        assertThat(described.getTagName()).isEqualTo("domainsnapshot");
        assertThat(text(described, "name")).isEqualTo("a < b");
        assertThat(text(described, "state")).isEqualTo("running");
        assertThat(Long.parseLong(text(described, "creationTime")))
                .isEqualTo(
                        QemuImg.info(scene.image()).at("/snapshots/0/date-sec").asLong());
        var disks = ((Element) described.getElementsByTagName("disks").item(0)).getElementsByTagName("disk");
        assertThat(disks.getLength()).isEqualTo(2);
        assertThat(((Element) disks.item(0)).getAttribute("name")).isEqualTo("vda");
        assertThat(((Element) disks.item(0)).getAttribute("snapshot")).isEqualTo("internal");
        assertThat(((Element) disks.item(1)).getAttribute("snapshot")).isEqualTo("no");
        assertThat(Files.readString(out)).contains("<name>guest &amp; co</name>");
        Files.delete(out);
        scene.importAs("a < b", options).requireSuccess();
        assertThat(out).as("described also when the snapshot was there").exists();
    }

    @Test
    void whatCannotBeDescribedIsRefusedBeforeTheImport() throws IOException {
        Scene scene = Scene.in(directory);
        byte[] before = Files.readAllBytes(scene.image());
        Path out = scene.path("out.xml");

        Judge.assertRefused(scene.importAs("saved", "--libvirt-xml", out.toString()), 10);
        Files.writeString(out, "precious");
        Path save =
                Files.write(scene.path("some.save"), LibvirtSaveBuilder.valid().build());
        Judge.assertRefused(
                scene.importAs("saved", "--libvirt-xml", out.toString(), "--libvirt-domain", save.toString()), 12);

        assertThat(out).hasContent("precious");
        assertThat(Files.readAllBytes(scene.image())).isEqualTo(before);
        Files.delete(out);
        scene.importAs("saved", "--libvirt-xml", out.toString(), "--libvirt-domain", save.toString())
                .requireSuccess();
        assertThat(Files.readString(out)).startsWith("<domainsnapshot>");
    }
}

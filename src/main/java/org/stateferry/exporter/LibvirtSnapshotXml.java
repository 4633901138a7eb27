package org.stateferry.exporter;

import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.host.SmallFile;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.snapshot.SnapshotSelection;
import org.stateferry.storage.FileFailures;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;

/**
 * Describes a snapshot to libvirt, which keeps a list of its own: the XML for {@code virsh snapshot-create DOMAIN FILE --redefine}
 * (libvirt {@code docs/formatsnapshot.rst}).
 */
public final class LibvirtSnapshotXml {
    private static final int XML_SIZE_MAX = 4 * 1024 * 1024;
    private static final String ELEMENT = "<domainsnapshot>";
    /** More than any domain needs. */
    private static final int DEPTH_MAX = 64;

    private final Path target;
    private final Domain domain;

    /**
     * What is needed of a domain.
     *
     * @param xml its element, as it was found
     * @param running whether the guest ran when it was saved
     * @param disks the files of its disks by the names that the guest's devices have
     */
    private record Domain(String xml, boolean running, Map<String, String> disks) {}

    private LibvirtSnapshotXml(Path target, Domain domain) {
        this.target = target;
        this.domain = domain;
    }

    /**
     * Reads the domain, so that what is wrong with it is told before anything is imported.
     *
     * @param target the file to write; one that is there must be such a description
     * @param domainFile what {@code virsh dumpxml} prints, or a libvirt save file
     */
    public static LibvirtSnapshotXml of(Path target, Path domainFile) throws StateferryException {
        requireOurs(target);
        return new LibvirtSnapshotXml(target, domain(domainFile));
    }

    private static void requireOurs(Path target) throws StateferryException {
        if (!Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try {
            String present = new String(SmallFile.read(target, Links.STAY, 2 * XML_SIZE_MAX), StandardCharsets.UTF_8);
            if (present.startsWith(ELEMENT)) {
                return;
            }
        } catch (IOException e) {
            // something that is not ours either
        }
        throw StateferryException.in(
                        FailureKind.CONFLICT, target, "the file exists and does not describe a snapshot to libvirt")
                .advise("Choose another name for --libvirt-xml.");
    }

    private static Domain domain(Path file) throws StateferryException {
        byte[] text;
        boolean running = true;
        LibvirtHead.Saved saved = LibvirtHead.savedIn(file);
        if (saved != null) {
            text = saved.domainXml();
            running = saved.wasRunning();
        } else {
            try {
                text = SmallFile.read(file, Links.FOLLOW, XML_SIZE_MAX);
            } catch (NoSuchFileException e) {
                throw LibvirtHead.missing(file, e);
            } catch (IOException e) {
                throw noDomain(file, e);
            }
        }
        String xml = new String(text, StandardCharsets.UTF_8);
        int start = xml.indexOf("<domain");
        int end = xml.lastIndexOf("</domain>");
        if (start < 0 || end < start) {
            throw noDomain(file, null);
        }
        String element = xml.substring(start, end + "</domain>".length());
        try {
            return new Domain(element, running, disks(element));
        } catch (XMLStreamException e) {
            throw noDomain(file, e);
        }
    }

    private static StateferryException noDomain(Path file, @Nullable Exception cause) {
        StateferryException failure = StateferryException.in(
                        FailureKind.DUMP_INVALID, file, "there is no XML of a libvirt domain in it")
                .advise(
                        "Give --libvirt-domain with the output of virsh dumpxml DOMAIN in a file, or with a libvirt save file.");
        return cause == null ? failure : failure.causedBy(cause);
    }

    /** The disks that take part in snapshots: neither read-only ones nor CDs. */
    private static Map<String, String> disks(String xml) throws XMLStreamException {
        XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
        factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
        factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
        factory.setProperty(XMLInputFactory.IS_NAMESPACE_AWARE, false);
        XMLStreamReader reader = factory.createXMLStreamReader(new StringReader(xml));
        Map<String, String> disks = new LinkedHashMap<>();
        List<String> path = new ArrayList<>();
        String target = "";
        String source = "";
        boolean taken = false;
        while (reader.hasNext()) {
            int event = reader.next();
            if (event == XMLStreamConstants.DTD) {
                throw new XMLStreamException("a domain has no document type");
            } else if (event == XMLStreamConstants.START_ELEMENT) {
                if (path.size() == DEPTH_MAX) {
                    throw new XMLStreamException("elements are nested too deep");
                }
                path.add(reader.getLocalName());
                String place = String.join("/", path);
                if (place.equals("domain/devices/disk")) {
                    String device = reader.getAttributeValue(null, "device");
                    taken = device == null || Set.of("disk", "lun").contains(device);
                    target = "";
                    source = "";
                } else if (place.equals("domain/devices/disk/target")) {
                    target = orEmpty(reader.getAttributeValue(null, "dev"));
                } else if (place.equals("domain/devices/disk/source")) {
                    source = orEmpty(reader.getAttributeValue(null, "file"))
                            + orEmpty(reader.getAttributeValue(null, "dev"));
                } else if (place.equals("domain/devices/disk/readonly")) {
                    taken = false;
                }
            } else if (event == XMLStreamConstants.END_ELEMENT) {
                if (String.join("/", path).equals("domain/devices/disk") && taken && !target.isEmpty()) {
                    disks.put(target, source);
                }
                path.remove(path.size() - 1);
            }
        }
        return disks;
    }

    private static String orEmpty(@Nullable String text) {
        return text == null ? "" : text;
    }

    /**
     * Writes the description of a snapshot that is there now.
     *
     * @param image holds the snapshot with its state
     * @param otherDisks hold one of the same name
     */
    public void write(Path image, List<Path> otherDisks, String name) throws StateferryException {
        SnapshotTableEntry entry;
        FileStatus status;
        try (OpenImage open = OpenImages.openForReading(image)) {
            entry = SnapshotSelection.one(name, false)
                    .in(Qcow2Image.open(open.file()))
                    .get(0);
            status = FileStatus.of(open.path());
        } catch (StateferryException e) {
            throw e;
        } catch (IOException e) {
            throw FileFailures.translate(e, image, StateferryException.NO_OFFSET, "looking at the image");
        }
        List<Path> holding = new ArrayList<>(otherDisks);
        holding.add(image);
        byte[] text = text(entry, holding).getBytes(StandardCharsets.UTF_8);
        OutputFile.replace(target, status, text);
    }

    private String text(SnapshotTableEntry entry, List<Path> holding) {
        StringBuilder xml = new StringBuilder(ELEMENT).append('\n');
        xml.append("  <name>").append(escaped(entry.nameText())).append("</name>\n");
        xml.append("  <state>").append(domain.running() ? "running" : "paused").append("</state>\n");
        xml.append("  <creationTime>").append(entry.dateSeconds()).append("</creationTime>\n");
        xml.append("  <memory snapshot='internal'/>\n  <disks>\n");
        domain.disks()
                .forEach((device, file) -> xml.append("    <disk name='")
                        .append(escaped(device))
                        .append("' snapshot='")
                        .append(holding.stream().anyMatch(path -> isSame(path, file)) ? "internal" : "no")
                        .append("'/>\n"));
        return xml.append("  </disks>\n")
                .append(domain.xml())
                .append("\n</domainsnapshot>\n")
                .toString();
    }

    /** The file that a domain names is looked at and not opened. */
    private static boolean isSame(Path path, String file) {
        try {
            return !file.isEmpty()
                    && FileStatus.of(path)
                            .key()
                            .equals(FileStatus.of(Path.of(file)).key());
        } catch (IOException | IllegalArgumentException e) {
            return false;
        }
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("'", "&apos;");
    }
}

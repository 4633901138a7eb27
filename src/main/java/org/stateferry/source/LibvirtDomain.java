package org.stateferry.source;

import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * What the XML of a libvirt domain says about the machine (libvirt {@code docs/formatdomain.rst}, "General metadata" and
 * "Operating system booting"). The texts are those of the XML, with whatever characters they hold; what is longer than
 * {@link #LENGTH_MAX} is cut, which no domain's texts are.
 *
 * @param name the domain's name
 * @param uuid its UUID
 * @param architecture the architecture of its processors, for example {@code x86_64}
 * @param machineType the versioned machine type
 * @param emulator the path of the QEMU that ran it; it is not opened
 */
public record LibvirtDomain(
        @Nullable String name,
        @Nullable String uuid,
        @Nullable String architecture,
        @Nullable String machineType,
        @Nullable String emulator) {
    /** The longest text that is kept, in characters: libvirt names files after the domain's name. */
    static final int LENGTH_MAX = 255;

    private static final char ELLIPSIS = '\u2026';

    /** More than any domain needs; the parser uses memory for each open element. */
    private static final int DEPTH_MAX = 64;

    private static final List<String> NAME = List.of("domain", "name");
    private static final List<String> UUID = List.of("domain", "uuid");
    private static final List<String> EMULATOR = List.of("domain", "devices", "emulator");
    private static final List<String> OS_TYPE = List.of("domain", "os", "type");

    private static final XMLInputFactory XML = factory();

    /** A parser that reads nothing but the text: no document type, no entity, no file. */
    private static XMLInputFactory factory() {
        XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
        factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
        factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
        factory.setProperty(XMLInputFactory.IS_NAMESPACE_AWARE, false);
        factory.setXMLResolver((publicId, systemId, base, namespace) -> {
            throw new XMLStreamException("the text refers to another file");
        });
        return factory;
    }

    /**
     * Reads the XML up to the element {@code devices/emulator}. Damage behind {@code os/type} only keeps the emulator from being
     * told.
     *
     * @param text the XML, up to the first NUL or to the end
     * @param file the file it was read from, for messages
     * @param fileOffset where in the file it begins, in bytes
     */
    public static LibvirtDomain parse(byte[] text, Path file, long fileOffset) throws StateferryException {
        int size = 0;
        while (size < text.length && text[size] != 0) {
            size++;
        }
        // Decoded here, because the parser prints to standard error if the bytes are not UTF-8.
        String xml = new String(text, 0, size, StandardCharsets.UTF_8);
        try {
            return new Reader(XML.createXMLStreamReader(new StringReader(xml))).read();
        } catch (XMLStreamException e) {
            int at = e.getLocation() == null ? 0 : e.getLocation().getCharacterOffset();
            String sound = xml.substring(0, Math.max(0, Math.min(at, xml.length())));
            throw StateferryException.at(
                            FailureKind.DUMP_INVALID,
                            file,
                            fileOffset + sound.getBytes(StandardCharsets.UTF_8).length,
                            "the domain's XML is damaged")
                    .advise("give a domain as virsh dumpxml prints it")
                    .causedBy(e);
        }
    }

    /** Reads the XML and keeps the path of open elements. */
    private static final class Reader {
        private final XMLStreamReader xml;
        private final List<String> path = new ArrayList<>();
        private final StringBuilder name = new StringBuilder();
        private final StringBuilder uuid = new StringBuilder();
        private final StringBuilder emulator = new StringBuilder();
        private @Nullable String architecture;
        private @Nullable String machineType;
        private boolean typeRead;

        private Reader(XMLStreamReader xml) {
            this.xml = xml;
        }

        private LibvirtDomain read() throws XMLStreamException {
            try {
                while (xml.hasNext() && !(typeRead && isEmulatorRead())) {
                    next();
                }
            } catch (XMLStreamException e) {
                if (!typeRead) {
                    throw e;
                }
            }
            return new LibvirtDomain(
                    nullIfEmpty(name), nullIfEmpty(uuid), architecture, machineType, nullIfEmpty(emulator));
        }

        private boolean isEmulatorRead() {
            return !emulator.isEmpty() && !path.equals(EMULATOR);
        }

        private void next() throws XMLStreamException {
            switch (xml.next()) {
                case XMLStreamConstants.START_ELEMENT -> {
                    open(xml.getLocalName());
                    if (path.equals(OS_TYPE) && !typeRead) {
                        architecture = attribute("arch");
                        machineType = attribute("machine");
                        typeRead = true;
                    }
                }
                case XMLStreamConstants.CHARACTERS -> text();
                case XMLStreamConstants.END_ELEMENT -> path.remove(path.size() - 1);
                case XMLStreamConstants.DTD ->
                    throw new XMLStreamException("a domain has no document type", xml.getLocation());
                default -> {
                    // comments and the like
                }
            }
        }

        private static @Nullable String nullIfEmpty(StringBuilder text) {
            return text.isEmpty() ? null : text.toString();
        }

        private void open(String element) throws XMLStreamException {
            if (path.size() == DEPTH_MAX) {
                throw new XMLStreamException("elements are nested too deep", xml.getLocation());
            }
            path.add(element);
        }

        private void text() {
            if (path.equals(NAME)) {
                append(name);
            } else if (path.equals(UUID)) {
                append(uuid);
            } else if (path.equals(EMULATOR)) {
                append(emulator);
            }
        }

        /** Adds a piece of an element's text, which can come in any number of pieces. */
        private void append(StringBuilder text) {
            int room = LENGTH_MAX - text.length();
            int count = Math.min(room, xml.getTextLength());
            if (count > 0) {
                text.append(xml.getTextCharacters(), xml.getTextStart(), count);
            }
            if (xml.getTextLength() > room && room >= 0) {
                text.append(ELLIPSIS);
            }
        }

        private @Nullable String attribute(String attribute) {
            String value = xml.getAttributeValue(null, attribute);
            return value == null || value.length() <= LENGTH_MAX ? value : value.substring(0, LENGTH_MAX) + ELLIPSIS;
        }
    }
}

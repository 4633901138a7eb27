package org.stateferry.cli.output;

import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.stateferry.source.DumpContent;
import org.stateferry.source.LibvirtDomain;
import org.stateferry.source.LibvirtSaveHeader;

/**
 * What {@code inspect} says of a libvirt save file.
 *
 * @param file the file
 * @param content what it holds
 */
public record LibvirtSaveReport(Path file, DumpContent.LibvirtSave content) implements InspectReport {
    private static final String UNKNOWN = "-";

    @Override
    public void printTo(Consumer<String> lines) {
        LibvirtSaveHeader header = content.header();
        lines.accept("file: " + file);
        lines.accept("format: libvirt save file, version " + header.version() + ", " + byteOrder()
                + (header.complete() ? "" : ", never finished"));
        lines.accept("guest was: " + (header.wasRunning() ? "running" : "paused"));
        LibvirtDomain domain = content.domain();
        if (domain != null) {
            lines.accept("domain: " + known(domain.name()));
            lines.accept("uuid: " + known(domain.uuid()));
            lines.accept("machine: " + known(domain.machineType()) + " on " + known(domain.architecture()));
            lines.accept("emulator: " + known(domain.emulator()));
        }
        lines.accept("text: from byte " + LibvirtSaveHeader.SIZE + ", " + Texts.exactBytes(header.textSize()));
        lines.accept("cookie: "
                + (header.cookieOffset() == 0
                        ? "none"
                        : "from byte " + (LibvirtSaveHeader.SIZE + header.cookieOffset())));
        lines.accept("payload: " + header.format().label() + ", from byte " + header.payloadOffset() + ", "
                + Texts.exactBytes(content.payloadSize()));
        InspectReport.printProblems(content.problems(), lines);
        if (content.stream() != null) {
            lines.accept("payload's stream:");
            new StreamReport(file, content.stream()).printMachineTo(line -> lines.accept("  " + line));
        }
    }

    private static String known(@Nullable String text) {
        return Objects.requireNonNullElse(text, UNKNOWN);
    }

    private String byteOrder() {
        return content.header().byteOrder() == ByteOrder.LITTLE_ENDIAN ? "little-endian" : "big-endian";
    }

    @Override
    public Map<String, Object> fields() {
        LibvirtSaveHeader header = content.header();
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("file", file.toString());
        fields.put("format", "libvirt-save");
        fields.put("version", header.version());
        fields.put("byteOrder", byteOrder());
        fields.put("complete", header.complete());
        fields.put("wasRunning", header.wasRunning());
        fields.put("saveFormat", header.format().label());
        fields.put("textSize", header.textSize());
        fields.put("cookieOffset", header.cookieOffset() == 0 ? null : header.cookieOffset());
        fields.put("payloadOffset", header.payloadOffset());
        fields.put("payloadSize", content.payloadSize());
        fields.put("domain", content.domain() == null ? null : domainFields(content.domain()));
        fields.put("stream", content.stream() == null ? null : new StreamReport(file, content.stream()).streamFields());
        fields.put("problems", InspectReport.problemFields(content.problems()));
        return fields;
    }

    private static Map<String, Object> domainFields(LibvirtDomain domain) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("name", domain.name());
        fields.put("uuid", domain.uuid());
        fields.put("architecture", domain.architecture());
        fields.put("machineType", domain.machineType());
        fields.put("emulator", domain.emulator());
        return fields;
    }
}

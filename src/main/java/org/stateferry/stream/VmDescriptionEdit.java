package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;

/**
 * Leaves entries out of a vmdescription when what they describe was left out of the stream. QEMU does not read the text;
 * whoever follows the sections by it, as {@code scripts/analyze-migration.py} does, would stumble.
 *
 * <p>The text is read once, at most {@link VmDescription#SIZE_MAX} bytes, and not kept.
 */
public final class VmDescriptionEdit {
    private static final String CAPABILITIES = "configuration/capabilities";

    private final List<StreamFacts.Extent> cuts = new ArrayList<>();

    private VmDescriptionEdit() {}

    /** Without what the configuration says of capabilities. */
    public static List<ComposedStream.Part> withoutCapabilities(
            StreamFile file, long fileOffset, VmDescription description) throws StateferryException {
        return edited(file, fileOffset, description, CAPABILITIES::equals, name -> false);
    }

    /** Without the devices whose names are wanted away. */
    public static List<ComposedStream.Part> withoutDevices(
            StreamFile file, long fileOffset, VmDescription description, Predicate<String> unwanted)
            throws StateferryException {
        return edited(file, fileOffset, description, name -> false, unwanted);
    }

    /** The record that holds the text, from its type byte on. */
    private static List<ComposedStream.Part> edited(
            StreamFile file,
            long fileOffset,
            VmDescription description,
            Predicate<String> configuration,
            Predicate<String> devices)
            throws StateferryException {
        StreamFacts.Extent extent = description.extent();
        long textOffset = fileOffset + extent.offset();
        byte[] text = file.read(textOffset, (int) extent.length()).array();
        VmDescriptionEdit edit = new VmDescriptionEdit();
        try (JsonParser json = VmDescriptionParser.JSON.createParser(ObjectReadContext.empty(), text)) {
            json.nextToken();
            while (json.nextToken() != JsonToken.END_OBJECT) {
                String key = json.currentName();
                json.nextToken();
                switch (key) {
                    case "configuration" -> edit.configuration(json, configuration);
                    case "devices" -> edit.elements(json, "name", devices);
                    default -> json.skipChildren();
                }
            }
        } catch (JacksonException e) {
            throw StateferryException.at(
                            FailureKind.DUMP_INVALID, file.path(), textOffset, "the vmdescription is damaged")
                    .causedBy(e);
        }
        return edit.parts(file, textOffset, extent.length());
    }

    private void configuration(JsonParser json, Predicate<String> unwanted) {
        if (json.currentToken() != JsonToken.START_OBJECT) {
            json.skipChildren();
            return;
        }
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = json.currentName();
            json.nextToken();
            if (key.equals("subsections")) {
                elements(json, "vmsd_name", unwanted);
            } else {
                json.skipChildren();
            }
        }
    }

    /** Cuts the elements of an array out whose text under a key is unwanted, and a comma with each. */
    private void elements(JsonParser json, String key, Predicate<String> unwanted) {
        if (json.currentToken() != JsonToken.START_ARRAY) {
            json.skipChildren();
            return;
        }
        boolean anyKept = false;
        long previousEnd = 0;
        long openCut = -1; // an element that was cut before any is kept is cut up to the next one's start
        while (json.nextToken() != JsonToken.END_ARRAY) {
            long start = json.currentTokenLocation().getByteOffset();
            boolean cut = unwanted.test(text(json, key));
            long end = json.currentLocation().getByteOffset();
            if (openCut >= 0) {
                cuts.add(new StreamFacts.Extent(openCut, start - openCut));
                openCut = -1;
            }
            if (!cut) {
                anyKept = true;
            } else if (anyKept) {
                cuts.add(new StreamFacts.Extent(previousEnd, end - previousEnd));
            } else {
                openCut = start;
            }
            previousEnd = end;
        }
        if (openCut >= 0) {
            cuts.add(new StreamFacts.Extent(openCut, previousEnd - openCut));
        }
    }

    /** Passes an element, and tells the text that it has under a key; empty if it has none. */
    private static String text(JsonParser json, String wanted) {
        if (json.currentToken() != JsonToken.START_OBJECT) {
            json.skipChildren();
            return "";
        }
        @Nullable String text = null;
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = json.currentName();
            if (json.nextToken() == JsonToken.VALUE_STRING && key.equals(wanted)) {
                text = json.getString();
            }
            json.skipChildren();
        }
        return text == null ? "" : text;
    }

    private List<ComposedStream.Part> parts(StreamFile file, long textOffset, long textSize) {
        List<ComposedStream.Part> parts = new ArrayList<>();
        long size =
                textSize - cuts.stream().mapToLong(StreamFacts.Extent::length).sum();
        parts.add(new ComposedStream.Bytes(ByteBuffer.allocate(VmDescription.RECORD_HEAD_SIZE)
                .put((byte) SectionType.VMDESCRIPTION.code())
                .putInt((int) size)
                .array()));
        long at = 0;
        for (StreamFacts.Extent cut : cuts) {
            parts.add(new ComposedStream.Range(file, textOffset + at, cut.offset() - at));
            at = cut.end();
        }
        parts.add(new ComposedStream.Range(file, textOffset + at, textSize - at));
        return parts;
    }
}

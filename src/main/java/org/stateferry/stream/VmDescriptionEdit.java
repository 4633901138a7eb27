package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
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
 * Keeps a vmdescription in step with a stream that is changed: leaves out entries of what was left out, and adds one for what was
 * added. QEMU does not read the text; whoever follows the sections by it, as {@code scripts/analyze-migration.py} does, would
 * stumble.
 *
 * <p>The text is read once, at most {@link VmDescription#SIZE_MAX} bytes, and not kept.
 */
public final class VmDescriptionEdit {
    private static final String CAPABILITIES = "configuration/capabilities";

    private static final String SUBSECTIONS = "subsections";

    private final List<Change> changes = new ArrayList<>();

    /** Bytes of the text that make way for others. */
    private record Change(long offset, long size, byte[] text) {
        long end() {
            return offset + size;
        }
    }

    private VmDescriptionEdit() {}

    /** Takes out what the configuration says of capabilities. */
    public static List<ComposedStream.Part> withoutCapabilities(
            StreamFile file, long fileOffset, VmDescription description) throws StateferryException {
        return edited(file, fileOffset, description, (edit, key, json) -> {
            if (key.equals("configuration")) {
                edit.cutSubsections(json, CAPABILITIES::equals);
            } else {
                json.skipChildren();
            }
        });
    }

    /**
     * With an entry for a subsection of the configuration that lists one capability. A text that does not describe the
     * configuration, as before QEMU 8.0, stays as it is.
     */
    public static List<ComposedStream.Part> withCapability(
            StreamFile file, long fileOffset, VmDescription description, String capability) throws StateferryException {
        String entry = "{\"vmsd_name\": \"" + CAPABILITIES
                + "\", \"version\": 1, \"fields\": [{\"name\": \"caps_count\","
                + " \"type\": \"uint32\", \"size\": " + Integer.BYTES + "}, {\"name\": \"capabilities\", \"type\":"
                + " \"capability\", \"size\": " + (1 + capability.length()) + "}]}";
        return edited(file, fileOffset, description, (edit, key, json) -> {
            if (key.equals("configuration") && json.currentToken() == JsonToken.START_OBJECT) {
                edit.addSubsection(json, entry);
            } else {
                json.skipChildren();
            }
        });
    }

    /** Takes out the devices of the names that are not wanted. */
    public static List<ComposedStream.Part> withoutDevices(
            StreamFile file, long fileOffset, VmDescription description, Predicate<String> unwanted)
            throws StateferryException {
        return edited(file, fileOffset, description, (edit, key, json) -> {
            if (key.equals("devices")) {
                edit.cut(json, "name", unwanted);
            } else {
                json.skipChildren();
            }
        });
    }

    /** Passes the value under a key of the text, and notes what is to be changed in it. */
    private interface Editor {
        void pass(VmDescriptionEdit edit, String key, JsonParser json);
    }

    /** The record that holds the text, from its type byte on. */
    private static List<ComposedStream.Part> edited(
            StreamFile file, long fileOffset, VmDescription description, Editor editor) throws StateferryException {
        StreamFacts.Extent extent = description.extent();
        long textOffset = fileOffset + extent.offset();
        byte[] text = file.read(textOffset, (int) extent.length()).array();
        VmDescriptionEdit edit = new VmDescriptionEdit();
        try (JsonParser json = VmDescriptionParser.JSON.createParser(ObjectReadContext.empty(), text)) {
            json.nextToken();
            while (json.nextToken() != JsonToken.END_OBJECT) {
                String key = json.currentName();
                json.nextToken();
                editor.pass(edit, key, json);
            }
        } catch (JacksonException e) {
            throw StateferryException.at(
                            FailureKind.DUMP_INVALID, file.path(), textOffset, "the vmdescription is damaged")
                    .causedBy(e);
        }
        return edit.parts(file, textOffset, extent.length());
    }

    /** Passes the configuration's object, and adds to its subsections. */
    private void addSubsection(JsonParser json, String entry) {
        boolean added = false;
        boolean empty = true;
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = json.currentName();
            empty = false;
            if (json.nextToken() == JsonToken.START_ARRAY && key.equals(SUBSECTIONS) && !added) {
                long at = json.currentLocation().getByteOffset();
                boolean first = json.nextToken() == JsonToken.END_ARRAY;
                insert(at, entry + (first ? "" : ", "));
                added = true;
                while (json.currentToken() != JsonToken.END_ARRAY) {
                    json.skipChildren();
                    json.nextToken();
                }
            } else {
                json.skipChildren();
            }
        }
        if (!added) {
            String comma = empty ? "" : ", ";
            insert(json.currentTokenLocation().getByteOffset(), comma + "\"" + SUBSECTIONS + "\": [" + entry + "]");
        }
    }

    private void insert(long offset, String text) {
        changes.add(new Change(offset, 0, text.getBytes(StandardCharsets.UTF_8)));
    }

    private void cut(long from, long to) {
        changes.add(new Change(from, to - from, new byte[0]));
    }

    private void cutSubsections(JsonParser json, Predicate<String> unwanted) {
        if (json.currentToken() != JsonToken.START_OBJECT) {
            json.skipChildren();
            return;
        }
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = json.currentName();
            json.nextToken();
            if (key.equals(SUBSECTIONS)) {
                cut(json, "vmsd_name", unwanted);
            } else {
                json.skipChildren();
            }
        }
    }

    /** Cuts the elements of an array out whose text under a key is unwanted, and a comma with each. */
    private void cut(JsonParser json, String key, Predicate<String> unwanted) {
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
                cut(openCut, start);
                openCut = -1;
            }
            if (!cut) {
                anyKept = true;
            } else if (anyKept) {
                cut(previousEnd, end);
            } else {
                openCut = start;
            }
            previousEnd = end;
        }
        if (openCut >= 0) {
            cut(openCut, previousEnd);
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
        long size = textSize;
        for (Change change : changes) {
            size += change.text().length - change.size();
        }
        parts.add(new ComposedStream.Bytes(ByteBuffer.allocate(VmDescription.RECORD_HEAD_SIZE)
                .put((byte) SectionType.VMDESCRIPTION.code())
                .putInt((int) size)
                .array()));
        long at = 0;
        for (Change change : changes) {
            parts.add(new ComposedStream.Range(file, textOffset + at, change.offset() - at));
            parts.add(new ComposedStream.Bytes(change.text()));
            at = change.end();
        }
        parts.add(new ComposedStream.Range(file, textOffset + at, textSize - at));
        return parts;
    }
}

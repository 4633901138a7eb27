package org.stateferry.stream.inspection;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.MigrationStream;
import org.stateferry.stream.SectionType;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.VmDescriptionParser;
import org.stateferry.stream.inspection.StreamInspection.Section;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The payloads of devices, field by field, as the stream's vmdescription tells them (QEMU {@code migration/vmstate.c}; the
 * layout of the text is told in {@link VmDescriptionParser}). A structure is a field with others below it; one that is an array
 * stands in the text once and in the payload as often as its length says.
 *
 * <p>Fields are made while they are asked for: in memory are the text, the payloads, and of the text one device. Can be gone
 * through as often as wanted, by one thread at a time.
 */
public final class DeviceFields implements Iterable<DeviceFields.Device> {
    /** The fields of no device. */
    public static final DeviceFields NONE = new DeviceFields(new byte[0], List.of());

    /** The longest text that is read, in bytes. */
    public static final int TEXT_SIZE_MAX = 4 * 1024 * 1024;

    private static final int DEPTH_MAX = 200;
    private static final int NUMBER_SIZE_MAX = 8;
    /** Fields without a byte, of which a text may claim any number. */
    private static final int EMPTY_MAX = 200_000;

    private static final long ANY_SIZE = -1;

    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(DEPTH_MAX)
                            .build())
                    .build())
            .build();

    private final byte[] text;
    private final List<Section> devices;
    private @Nullable StateferryException damage;
    /** How many devices can be gone through. */
    private int deviceCount;

    /**
     * A field of a device.
     *
     * @param depth how many fields and subsections it lies below
     * @param name its name, with its index if it is an element of an array; of a subsection, its name
     * @param type QEMU's name of its type
     * @param size its bytes
     * @param value a number, or bytes in hexadecimal; null of what has others below it
     */
    public record Field(
            int depth,
            String name,
            String type,
            long size,
            @Nullable String value) {}

    /**
     * A device.
     *
     * @param section its section
     * @param fields each before those that lie below it
     */
    public record Device(Section section, Iterable<Field> fields) {}

    private DeviceFields(byte[] text, List<Section> devices) {
        this.text = text;
        this.devices = devices;
    }

    /**
     * The fields of all devices of a stream.
     *
     * @param file where the text is read from
     * @param stream if it has no vmdescription, there are none
     * @param devices the stream's device sections with their payloads, in their order
     * @throws StateferryException if the text cannot be read; kind DUMP_UNFIT if it is too long
     */
    public static DeviceFields read(StreamFile file, MigrationStream stream, List<Section> devices)
            throws StateferryException {
        StreamFacts.Extent extent = stream.facts().vmDescription();
        if (extent == null) {
            return NONE;
        }
        long at = stream.fileOffset() + extent.offset();
        if (extent.length() > TEXT_SIZE_MAX) {
            throw StateferryException.at(
                            FailureKind.DUMP_UNFIT,
                            file.path(),
                            at,
                            "the vmdescription has " + extent.length() + " bytes, too many to show the devices' fields")
                    .advise("leave out --devices");
        }
        DeviceFields fields =
                new DeviceFields(file.read(at, (int) extent.length()).array(), devices);
        fields.check(file, at);
        return fields;
    }

    /** Goes through all once, so that nothing can be wrong later. */
    private void check(StreamFile file, long at) {
        deviceCount = devices.size();
        int count = 0;
        int empty = 0;
        try (Devices all = new Devices()) {
            while (all.hasNext()) {
                for (Field field : all.next().fields()) {
                    empty += field.size() == 0 ? 1 : 0;
                    if (empty > EMPTY_MAX) {
                        damage = StateferryException.at(
                                        FailureKind.DUMP_UNFIT,
                                        file.path(),
                                        at,
                                        "the devices have more than " + EMPTY_MAX
                                                + " fields without a byte, too many to show")
                                .advise("leave out --devices");
                        deviceCount = count;
                        return;
                    }
                }
                count++;
            }
        } catch (JacksonException e) {
            damage = StateferryException.at(FailureKind.DUMP_INVALID, file.path(), at, "the vmdescription is damaged")
                    .causedBy(e);
        }
        deviceCount = count;
    }

    /** Why the fields of further devices are not told, or null. */
    public @Nullable StateferryException damage() {
        return damage;
    }

    @Override
    public Iterator<Device> iterator() {
        return text.length == 0 ? Collections.emptyIterator() : new Devices();
    }

    /** The devices in the order of the text, which is that of their sections. */
    private final class Devices implements Iterator<Device>, AutoCloseable {
        private final JsonParser json = JSON.createParser(text);
        private int count;
        private boolean begun;

        @Override
        public boolean hasNext() {
            if (!begun) {
                begun = true;
                count = toArray() ? 0 : deviceCount;
            }
            return count < deviceCount && (json.currentToken() == JsonToken.START_OBJECT || isNext());
        }

        private boolean isNext() {
            return json.nextToken() == JsonToken.START_OBJECT;
        }

        /** Whether there is an array of devices; it is then the next token. */
        private boolean toArray() {
            while (json.nextToken() != null) {
                if (json.currentToken() == JsonToken.PROPERTY_NAME && "devices".equals(json.currentName())) {
                    return json.nextToken() == JsonToken.START_ARRAY;
                }
                if (json.currentToken().isStructStart() && json.currentName() != null) {
                    json.skipChildren();
                }
            }
            return false;
        }

        @Override
        public Device next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            JsonNode described = json.readValueAsTree();
            Section section = devices.get(count);
            count++;
            return new Device(section, () -> new Fields(described, section.payload()));
        }

        @Override
        public void close() {
            json.close();
        }
    }

    /** What is being gone through: the fields of a device, a structure or a subsection, then its subsections. */
    private static final class Level {
        final int depth;
        final Iterator<JsonNode> fields;
        final Iterator<JsonNode> subsections;
        /** Where the payload must be at its end, or {@link #ANY_SIZE}. */
        final long end;
        /** The field whose elements are being gone through, and how many of them are left. */
        @Nullable
        JsonNode field;

        long count;
        long element;

        Level(JsonNode described, int depth, long end) {
            this.depth = depth;
            this.end = end;
            this.fields = described.path("fields").iterator();
            this.subsections = described.path("subsections").iterator();
        }
    }

    /** The fields of one device; what the text does not describe, or does not describe rightly, is the rest. */
    private static final class Fields implements Iterator<Field> {
        private final ByteBuffer payload;
        private final Deque<Level> levels = new ArrayDeque<>();
        private @Nullable Field ready;

        Fields(JsonNode described, byte @Nullable [] bytes) {
            payload = ByteBuffer.wrap(bytes == null ? new byte[0] : bytes);
            if (bytes != null) {
                levels.push(new Level(described, 0, ANY_SIZE));
            }
        }

        @Override
        public boolean hasNext() {
            while (ready == null && !levels.isEmpty()) {
                ready = step(levels.element());
            }
            if (ready == null && payload.hasRemaining()) {
                int size = payload.remaining();
                ready = new Field(0, "(rest)", "bytes", size, hex(size));
            }
            return ready != null;
        }

        @Override
        public Field next() {
            if (!hasNext() || ready == null) {
                throw new NoSuchElementException();
            }
            Field next = ready;
            ready = null;
            return next;
        }

        /** Goes one step on; null if that has not come to a field. */
        private @Nullable Field step(Level level) {
            JsonNode field = level.field;
            if (field != null && level.element < level.count) {
                return element(level, field);
            }
            if (level.fields.hasNext()) {
                return begin(level, level.fields.next());
            }
            if (level.subsections.hasNext()) {
                return subsection(level, level.subsections.next());
            }
            levels.pop();
            if (level.end != ANY_SIZE && payload.position() != level.end) {
                levels.clear();
            }
            return null;
        }

        private @Nullable Field begin(Level level, JsonNode field) {
            long count = field.path("array_len").asLong(1);
            level.field = field;
            level.element = 0;
            level.count = count;
            boolean bytes = field.has("array_len") && field.path("size").asLong(0) == 1 && !field.has("struct");
            if (bytes) {
                level.count = 0;
                return leaf(level, name(field), field, count);
            }
            return null;
        }

        private static String name(JsonNode field) {
            return field.path("name").asString("")
                    + (field.has("index") ? "[" + field.path("index").asLong(0) + "]" : "");
        }

        private @Nullable Field element(Level level, JsonNode field) {
            String name = field.has("array_len") ? name(field) + "[" + level.element + "]" : name(field);
            level.element++;
            long size = field.path("size").asLong(0);
            JsonNode struct = field.path("struct");
            if (!struct.isObject()) {
                return leaf(level, name, field, size);
            }
            levels.push(new Level(struct, level.depth + 1, payload.position() + size));
            return new Field(level.depth, name, field.path("type").asString(""), size, null);
        }

        private @Nullable Field leaf(Level level, String name, JsonNode field, long size) {
            if (size < 0 || size > payload.remaining()) {
                levels.clear();
                return null;
            }
            String type = field.path("type").asString("");
            return new Field(level.depth, name, type, size, value(type, (int) size));
        }

        /** {@code 05, u8 length, name, be32 version} and its payload. */
        private @Nullable Field subsection(Level level, JsonNode described) {
            String name = described.path("vmsd_name").asString("");
            int headSize = 1 + 1 + name.getBytes(StandardCharsets.UTF_8).length + Integer.BYTES;
            if (payload.remaining() < headSize || payload.get(payload.position()) != SectionType.SUBSECTION.code()) {
                levels.clear();
                return null;
            }
            payload.position(payload.position() + headSize);
            levels.push(new Level(described, level.depth + 1, ANY_SIZE));
            return new Field(level.depth, name, "subsection", 0, null);
        }

        private String value(String type, int size) {
            boolean signed = type.startsWith("int") || type.startsWith("timer");
            boolean number = signed || type.startsWith("uint") || type.equals("bool");
            if (!number || size == 0 || size > NUMBER_SIZE_MAX) {
                return hex(size);
            }
            long value = signed && payload.get(payload.position()) < 0 ? -1 : 0;
            for (int index = 0; index < size; index++) {
                value = value << Byte.SIZE | Byte.toUnsignedLong(payload.get());
            }
            if (type.equals("bool")) {
                return value != 0 ? "true" : "false";
            }
            return signed ? Long.toString(value) : "0x" + Long.toHexString(value);
        }

        private String hex(int size) {
            byte[] bytes = new byte[size];
            payload.get(bytes);
            return HexFormat.of().formatHex(bytes);
        }
    }
}

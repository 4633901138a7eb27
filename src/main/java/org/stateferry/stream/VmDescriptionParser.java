package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;

/**
 * Reads a vmdescription token by token, without building a tree (QEMU {@code migration/vmstate.c},
 * {@code vmsd_desc_field_start} and following).
 *
 * <pre>
 * {"configuration": {...}, "page_size": N, "devices": [DEVICE...]}
 * DEVICE or SUBSECTION: {"name", "instance_id", "vmsd_name", "version", "fields": [FIELD...], "subsections":
 * [SUBSECTION...]} FIELD: {"name", "type", "size": bytes of one element, "array_len": elements, "struct": {...}}
 * </pre>
 *
 * <p>For one text; not thread-safe.
 */
public final class VmDescriptionParser {
    private static final int DEPTH_MAX = 200;
    /** Several times as many as a machine with 4,096 processors has, which is the most that QEMU offers. */
    private static final int DEVICES_MAX = 65_536;

    private static final int NAME_LENGTH_MAX = 255;
    /** What the names of all devices may come to, in characters; those of a large machine come to some 100,000. */
    private static final int NAMES_LENGTH_MAX = 2 * 1024 * 1024;
    /** Types of which two values can have different sizes; all others are numbers, timers, and buffers of one size. */
    private static final Set<String> VARYING_TYPES = Set.of("struct", "nullptr", "qtailq", "qlist", "gtree");

    /** Type byte, length byte and version around a subsection's name. */
    private static final int SUBSECTION_HEAD_SIZE = 1 + 1 + Integer.BYTES;

    static final JsonFactory JSON = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(DEPTH_MAX)
                    .maxNumberLength(20)
                    .maxNameLength(NAME_LENGTH_MAX)
                    .maxStringLength(64 * 1024)
                    .build())
            .build();

    private final Path file;
    private final long fileOffset;
    /** The devices' names, each of them kept once, and their length in characters. */
    private final Map<String, String> names = new HashMap<>();

    private int namesLength;

    /** Creates a parser for the text that begins at {@code fileOffset} of {@code file}. */
    VmDescriptionParser(Path file, long fileOffset) {
        this.file = file;
        this.fileOffset = fileOffset;
    }

    /**
     * Reads a text.
     *
     * @param text from its position to its limit; it has an array
     * @param extent where the text lies in the stream
     */
    VmDescription parse(ByteBuffer text, StreamFacts.Extent extent) throws StateferryException {
        int start = text.arrayOffset() + text.position();
        try (JsonParser json = JSON.createParser(ObjectReadContext.empty(), text.array(), start, text.remaining())) {
            require(json.nextToken() == JsonToken.START_OBJECT, json, "an object is expected");
            long pageSize = 0;
            List<DeviceState> devices = null;
            while (json.nextToken() != JsonToken.END_OBJECT) {
                String key = json.currentName();
                json.nextToken();
                switch (key) {
                    case "page_size" -> pageSize = count(json);
                    case "devices" -> devices = devices(json);
                    default -> json.skipChildren();
                }
            }
            require(json.nextToken() == null, json, "text follows its end");
            List<DeviceState> listed = required(devices, json, "it lists no devices");
            require(RamWalker.isPageSize(pageSize), json, pageSize + " is not a page size");
            return new VmDescription(extent, (int) pageSize, listed);
        } catch (JacksonException e) {
            long at = e.getLocation() == null ? 0 : Math.max(0, e.getLocation().getByteOffset());
            throw damaged(at, e.getOriginalMessage()).causedBy(e);
        } catch (ArithmeticException e) {
            throw damaged(0, "a device's size overflows").causedBy(e);
        }
    }

    private List<DeviceState> devices(JsonParser json) throws StateferryException {
        require(json.currentToken() == JsonToken.START_ARRAY, json, "a list of devices is expected");
        List<DeviceState> devices = new ArrayList<>();
        while (json.nextToken() != JsonToken.END_ARRAY) {
            require(devices.size() < DEVICES_MAX, json, "more than " + DEVICES_MAX + " devices");
            Description device = description(json);
            String name = required(device.name, json, "a device without a name");
            devices.add(
                    new DeviceState(kept(name, json), device.instanceId, device.version, device.size, device.exact));
        }
        return devices;
    }

    private String kept(String name, JsonParser json) throws StateferryException {
        String known = names.putIfAbsent(name, name);
        if (known != null) {
            return known;
        }
        namesLength += name.length();
        require(
                namesLength <= NAMES_LENGTH_MAX,
                json,
                "the devices' names come to more than " + NAMES_LENGTH_MAX + " characters");
        return name;
    }

    /** What was read of a device or of a subsection. */
    private static final class Description {
        private @Nullable String name;
        private @Nullable String vmsdName;
        private long instanceId;
        private long version = DeviceState.NO_VERSION;
        private long size;
        private boolean exact = true;
    }

    /** Reads a device or a subsection. The JSON parser keeps subsections from nesting deeper than {@link #DEPTH_MAX}. */
    private Description description(JsonParser json) throws StateferryException {
        require(json.currentToken() == JsonToken.START_OBJECT, json, "a device or subsection is expected");
        Description result = new Description();
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = json.currentName();
            json.nextToken();
            switch (key) {
                case "name" -> result.name = name(json);
                case "vmsd_name" -> result.vmsdName = name(json);
                case "instance_id" -> result.instanceId = count(json);
                case "version" -> result.version = count(json);
                case "fields" -> fields(json, result);
                case "subsections" -> subsections(json, result);
                default -> json.skipChildren();
            }
        }
        return result;
    }

    private void subsections(JsonParser json, Description parent) throws StateferryException {
        require(json.currentToken() == JsonToken.START_ARRAY, json, "a list of subsections is expected");
        while (json.nextToken() != JsonToken.END_ARRAY) {
            Description subsection = description(json);
            String name = required(subsection.vmsdName, json, "a subsection without a name");
            parent.size = Math.addExact(parent.size, SUBSECTION_HEAD_SIZE + name.length());
            parent.size = Math.addExact(parent.size, subsection.size);
            parent.exact &= subsection.exact;
        }
    }

    private void fields(JsonParser json, Description parent) throws StateferryException {
        require(json.currentToken() == JsonToken.START_ARRAY, json, "a list of fields is expected");
        while (json.nextToken() != JsonToken.END_ARRAY) {
            require(json.currentToken() == JsonToken.START_OBJECT, json, "a field is expected");
            field(json, parent);
        }
    }

    private void field(JsonParser json, Description parent) throws StateferryException {
        long elementSize = -1;
        long elementCount = 1;
        boolean equalElements = true;
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = json.currentName();
            json.nextToken();
            switch (key) {
                case "size" -> elementSize = count(json);
                case "array_len" -> elementCount = count(json);
                case "type" -> equalElements = !VARYING_TYPES.contains(name(json));
                default -> json.skipChildren();
            }
        }
        require(elementSize >= 0, json, "a field without a size");
        parent.size = Math.addExact(parent.size, Math.multiplyExact(elementSize, elementCount));
        parent.exact &= equalElements || elementCount == 1;
    }

    private String name(JsonParser json) throws StateferryException {
        require(json.currentToken() == JsonToken.VALUE_STRING, json, "a name is expected");
        String name = json.getString();
        require(name.length() <= NAME_LENGTH_MAX, json, "a name of " + name.length() + " characters");
        require(ElementInput.isPrintable(name), json, "a name with control characters");
        return name;
    }

    private long count(JsonParser json) throws StateferryException {
        require(json.currentToken() == JsonToken.VALUE_NUMBER_INT, json, "a number is expected");
        long count = json.getLongValue();
        require(count >= 0, json, "the number " + count + " is negative");
        return count;
    }

    private <T> T required(@Nullable T value, JsonParser json, String problem) throws StateferryException {
        require(value != null, json, problem);
        return Objects.requireNonNull(value);
    }

    private void require(boolean condition, JsonParser json, String problem) throws StateferryException {
        if (!condition) {
            throw damaged(Math.max(0, json.currentLocation().getByteOffset()), problem);
        }
    }

    private StateferryException damaged(long at, String problem) {
        return StateferryException.at(
                FailureKind.DUMP_INVALID, file, fileOffset + at, "the vmdescription is damaged: " + problem);
    }
}

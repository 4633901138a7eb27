package org.stateferry.qcow2;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.MetadataFields;
import org.stateferry.testing.MetadataFields.Field;

/** Damages copies of one sound image at random. Structures are equally likely, whatever the number of their fields. */
final class ImageDamage {
    private static final long COPIED = 1L << 63;
    private static final long[] LIMITS = {
        0,
        1,
        -1,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        0xffff_ffffL,
        0x7fff_ffffL,
        0x8000_0000L,
        1L << 56,
        1L << 55,
        65_535,
        65_536,
        4L << 20,
        (4L << 20) + 1,
        8L << 20,
        1024,
        512
    };

    private final MemoryImageFile sound;
    private final List<Field> fields;
    private final List<List<Field>> structures;
    private final long clusterSize;

    ImageDamage(MemoryImageFile sound) {
        this.sound = sound;
        this.fields = MetadataFields.of(sound);
        Map<String, List<Field>> byStructure = fields.stream().collect(Collectors.groupingBy(Field::structure));
        this.structures = List.copyOf(byStructure.values());
        this.clusterSize = 1L << sound.u32(20);
    }

    /**
     * A damaged image.
     *
     * @param what what was done to it
     */
    record Damaged(MemoryImageFile image, String what) {}

    /** A copy with one to three things wrong. */
    Damaged several(Random random) {
        MemoryImageFile image = sound.copy();
        List<String> done = new ArrayList<>();
        for (int left = 1 + random.nextInt(3); left > 0; left--) {
            done.add(damage(image, random));
        }
        return new Damaged(image, String.join("; ", done));
    }

    /** Copies with one field wrong in one of several ways; of the fields with the same name, the first. */
    Stream<Damaged> eachField() {
        Set<String> names = new HashSet<>();
        return fields.stream().filter(field -> names.add(field.name())).flatMap(field -> {
            long old = field.get(sound);
            return LongStream.of(0, 1, 2, 3, -1, old ^ 1, old + 1, old ^ 1L << 8 * field.size() - 1)
                    .filter(value -> value != old)
                    .distinct()
                    .mapToObj(value -> withValue(field, value));
        });
    }

    private Damaged withValue(Field field, long value) {
        MemoryImageFile image = sound.copy();
        field.put(image, value);
        return new Damaged(image, field + " = 0x" + Long.toHexString(value));
    }

    /** A copy with one bit of its metadata wrong. */
    Damaged oneBit(Random random) {
        MemoryImageFile image = sound.copy();
        return new Damaged(image, flipBit(image, any(random), random));
    }

    private String damage(MemoryImageFile image, Random random) {
        return switch (random.nextInt(10)) {
            case 0 -> resize(image, random);
            case 1 -> swap(image, any(random), random);
            case 2, 3 -> flipBit(image, any(random), random);
            default -> overwrite(image, any(random), random);
        };
    }

    private Field any(Random random) {
        List<Field> structure = structures.get(random.nextInt(structures.size()));
        return structure.get(random.nextInt(structure.size()));
    }

    private String overwrite(MemoryImageFile image, Field field, Random random) {
        long value = interesting(image, field, random);
        field.put(image, value);
        return field + " = 0x" + Long.toHexString(value);
    }

    private long interesting(MemoryImageFile image, Field field, Random random) {
        long old = field.get(image);
        return switch (random.nextInt(12)) {
            case 0, 1, 2 -> LIMITS[random.nextInt(LIMITS.length)];
            case 3 -> old + 1 - 2L * random.nextInt(2);
            case 4 -> old ^ 1L << 8 * field.size() - 1;
            case 5 -> old + (1 - 2L * random.nextInt(2)) * clusterSize;
            case 6 -> old + 512;
            case 7 -> pastTheEnd(image, random);
            case 8 -> field.offset() / clusterSize * clusterSize | old & COPIED;
            case 9 -> any(random).offset() / clusterSize * clusterSize | old & COPIED;
            case 10 -> any(random).get(image);
            default -> random.nextLong() >>> random.nextInt(64);
        };
    }

    private long pastTheEnd(MemoryImageFile image, Random random) {
        long end = image.size() / clusterSize * clusterSize;
        return end + random.nextInt(3) * clusterSize * (1L << random.nextInt(30));
    }

    private static String flipBit(MemoryImageFile image, Field field, Random random) {
        int bit = random.nextInt(8 * field.size());
        field.put(image, field.get(image) ^ 1L << bit);
        return field + ": bit " + bit + " flipped";
    }

    private String swap(MemoryImageFile image, Field field, Random random) {
        Field other = any(random);
        while (other.size() != field.size()) {
            other = any(random);
        }
        long value = field.get(image);
        field.put(image, other.get(image));
        other.put(image, value);
        return field + " swapped with " + other;
    }

    private String resize(MemoryImageFile image, Random random) {
        long size = switch (random.nextInt(5)) {
            case 0 -> fields.get(random.nextInt(fields.size())).offset();
            case 1 -> image.size() - random.nextInt((int) Math.min(image.size(), 3 * clusterSize) + 1);
            case 2 -> image.size() / clusterSize * clusterSize - clusterSize * random.nextInt(2);
            case 3 -> image.size() + random.nextInt(5) * (clusterSize << random.nextInt(24));
            default -> random.nextInt((int) Math.min(Integer.MAX_VALUE, image.size() + 1));
        };
        image.truncate(Math.max(0, size));
        image.extendTo(Math.max(0, size));
        return "file of " + size + " bytes";
    }
}

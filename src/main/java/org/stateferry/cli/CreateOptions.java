package org.stateferry.cli;

import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.ByteSize;
import org.stateferry.qcow2.NewImage;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** The options that tell what an image is like that the import makes. */
final class CreateOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--create",
            paramLabel = "SIZE",
            converter = SizeConverter.class,
            description = "Make IMAGE, which must not exist, with an empty disk of this size, for example 10G or 0; it"
                    + " appears when it is complete. See below for what QEMU does with it.")
    private @Nullable Long size;

    @Option(
            names = "--cluster-size",
            paramLabel = "N",
            converter = SizeConverter.class,
            description = "Cluster size of an image that is made, 512 to 2M. Default: 64K.")
    private @Nullable Long clusterSize;

    /** What the image is to be like, or null if it must exist. */
    @Nullable
    NewImage newImage() {
        if (size == null) {
            if (clusterSize != null) {
                throw new ParameterException(command.commandLine(), "--cluster-size is of use only with --create");
            }
            return null;
        }
        try {
            return NewImage.of(size, clusterSize == null ? NewImage.DEFAULT_CLUSTER_SIZE : clusterSize);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command.commandLine(), "--create: " + e.getMessage());
        }
    }

    /** Reads a number of bytes. */
    static final class SizeConverter implements ITypeConverter<Long> {
        @Override
        public Long convert(String text) {
            try {
                return ByteSize.parse(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }
}

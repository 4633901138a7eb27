package org.stateferry.cli;

import java.util.function.Function;
import org.stateferry.bytes.ByteSize;
import org.stateferry.storage.ImageRights;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Reads an option's argument by a parser that throws {@link IllegalArgumentException}; what that says is what the command line says.
 *
 * @param <T> what it is read as
 */
abstract class ArgumentConverter<T> implements ITypeConverter<T> {
    private final Function<String, T> parser;

    ArgumentConverter(Function<String, T> parser) {
        this.parser = parser;
    }

    @Override
    public final T convert(String text) {
        try {
            return parser.apply(text);
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException(e.getMessage());
        }
    }

    /** A number of bytes, as {@link ByteSize#parse} takes it. */
    static final class Size extends ArgumentConverter<Long> {
        Size() {
            super(ByteSize::parse);
        }
    }

    /** Bytes per second, as {@link ByteSize#parseRate} takes them. */
    static final class Rate extends ArgumentConverter<Long> {
        Rate() {
            super(ByteSize::parseRate);
        }
    }

    /** A file's mode, as {@link ImageRights#parseMode} takes it. */
    static final class Mode extends ArgumentConverter<Integer> {
        Mode() {
            super(ImageRights::parseMode);
        }
    }

    /** A file's owner, as {@link ImageRights#parseOwner} takes it. */
    static final class Owner extends ArgumentConverter<String> {
        Owner() {
            super(ImageRights::parseOwner);
        }
    }
}

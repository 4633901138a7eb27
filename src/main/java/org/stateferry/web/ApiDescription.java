package org.stateferry.web;

import io.swagger.v3.core.converter.AnnotatedType;
import io.swagger.v3.core.converter.ModelConverter;
import io.swagger.v3.core.converter.ModelConverterContext;
import io.swagger.v3.core.util.Json31;
import io.swagger.v3.oas.models.Operation;
import io.swagger.v3.oas.models.PathItem;
import io.swagger.v3.oas.models.media.Content;
import io.swagger.v3.oas.models.media.JsonSchema;
import io.swagger.v3.oas.models.media.MediaType;
import io.swagger.v3.oas.models.media.Schema;
import io.swagger.v3.oas.models.responses.ApiResponse;
import java.lang.reflect.RecordComponent;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springdoc.core.customizers.GlobalOpenApiCustomizer;

/**
 * Adds to the OpenAPI description what the library cannot derive from the code: which members of answers may be null,
 * and that failures are problem details.
 */
final class ApiDescription implements ModelConverter {
    private static final String NULL = "null";

    /** Marks the members of a record that the code marks as nullable. */
    @Override
    public @Nullable Schema<?> resolve(
            AnnotatedType type, ModelConverterContext context, Iterator<ModelConverter> chain) {
        Schema<?> schema = chain.hasNext() ? chain.next().resolve(type, context, chain) : null;
        Class<?> described = Json31.mapper().constructType(type.getType()).getRawClass();
        if (schema == null || !described.isRecord()) {
            return schema;
        }
        String reference = schema.get$ref();
        Schema<?> model = reference == null
                ? schema
                : context.getDefinedModels().get(reference.substring(reference.lastIndexOf('/') + 1));
        if (model != null && model.getProperties() != null) {
            for (RecordComponent component : described.getRecordComponents()) {
                if (component.getAnnotatedType().isAnnotationPresent(Nullable.class)) {
                    model.getProperties().computeIfPresent(component.getName(), (name, member) -> orNull(member));
                }
            }
        }
        return schema;
    }

    private static Schema<?> orNull(Schema<?> member) {
        if (member.get$ref() != null) {
            return new JsonSchema()
                    .anyOf(List.of(new JsonSchema().$ref(member.get$ref()), new JsonSchema().types(Set.of(NULL))));
        }
        Set<String> types = member.getTypes() == null ? Set.of() : member.getTypes();
        if (!types.isEmpty()) {
            Set<String> more = new LinkedHashSet<>(types);
            more.add(NULL);
            member.setTypes(more);
        }
        return member;
    }

    /** Says of every request how its failures are answered. */
    static GlobalOpenApiCustomizer failures() {
        Schema<?> text = new JsonSchema().types(Set.of("string"));
        Schema<?> problem = new JsonSchema()
                .types(Set.of("object"))
                .description(
                        "Problem details (RFC 9457); 'failure' is there if the service itself has refused or failed.")
                .addProperty("type", text)
                .addProperty("title", text)
                .addProperty("status", new JsonSchema().types(Set.of("integer")))
                .addProperty("detail", text)
                .addProperty("instance", text)
                .addProperty("failure", new JsonSchema().$ref("#/components/schemas/Failure"));
        ApiResponse failed = new ApiResponse()
                .description("It is refused, or has failed")
                .content(new Content()
                        .addMediaType(
                                org.springframework.http.MediaType.APPLICATION_PROBLEM_JSON_VALUE,
                                new MediaType().schema(new JsonSchema().$ref("#/components/schemas/Problem"))));
        return api -> {
            api.getComponents().addSchemas("Problem", problem);
            for (PathItem path : api.getPaths().values()) {
                for (Operation operation : path.readOperations()) {
                    operation.getResponses().addApiResponse("default", failed);
                }
            }
        };
    }
}

//! Reading the members of a call's input, and cutting lists into pages.

use serde_json::Value;

use crate::wire::ApiError;

/// The text member `name`, if it is there.
pub(crate) fn text<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
    input.get(name).and_then(Value::as_str)
}

/// The text member `name`, which must be there.
pub(crate) fn required<'a>(input: &'a Value, name: &str) -> Result<&'a str, ApiError> {
    text(input, name).filter(|value| !value.is_empty()).ok_or_else(|| invalid(format!("{name} can not be blank.")))
}

/// The list of texts `name`; empty when absent.
pub(crate) fn texts<'a>(input: &'a Value, name: &str) -> Vec<&'a str> {
    items(input, name).iter().filter_map(Value::as_str).collect()
}

/// The list `name`; empty when absent.
pub(crate) fn items<'a>(input: &'a Value, name: &str) -> &'a [Value] {
    input.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What ECS and ECR answer to a member that they do not accept.
pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::client("InvalidParameterException", message)
}

/// One page of `list`, and the token of the next. A page has `size` items, or `default` when no size is asked for; at
/// most `most`.
pub(crate) fn page<T>(
    list: Vec<T>,
    size: Option<u64>,
    (default, most): (usize, usize),
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let start = match token.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => {
            token.strip_prefix("page-").and_then(|at| at.parse().ok()).ok_or_else(|| invalid("Invalid token"))?
        }
    };
    let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(default);
    if size == 0 || size > most {
        return Err(invalid(format!("Page size must be between 1 and {most}")));
    }
    let next = (list.len() > start + size).then(|| format!("page-{}", start + size));
    Ok((list.into_iter().skip(start).take(size).collect(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_until_there_is_no_token() {
        let list: Vec<_> = (0..25).collect();
        let (first, token) = page(list.clone(), None, (10, 100), None).unwrap();
        let (second, token) = page(list.clone(), None, (10, 100), token.as_deref()).unwrap();
        let (third, token) = page(list.clone(), None, (10, 100), token.as_deref()).unwrap();
        assert_eq!([first, second, third].concat(), list);
        assert_eq!(token, None);
        page(list.clone(), Some(101), (10, 100), None).unwrap_err();
        page(list, None, (10, 100), Some("nonsense")).unwrap_err();
    }
}
